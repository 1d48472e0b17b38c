// The service `uploads`: edges record there how far the files are that they hold, and everybody asks it.
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import type { NatsConnection } from "@nats-io/transport-node";
import type { Logger } from "#ops/runtime/log.ts";
import { MillraceError } from "#schemas/errors.ts";
import type { CreateUpload, ReceivedUpload, RowError, SaveChunk } from "#schemas/uploads/upload.ts";
import { serve, type Call } from "#streams/services.ts";
import type { UploadStore } from "./upload-store.ts";

const decompress = promisify(gunzip);

/** Requests come from our own edges only, which build them from checked values. */
function parse<T>(payload: Uint8Array): T {
  return JSON.parse(new TextDecoder().decode(payload)) as T;
}

export function serveUploads(options: { connection: NatsConnection; store: UploadStore; log: Logger }): {
  stop(): Promise<void>;
} {
  const { store } = options;
  const find = async (payload: Uint8Array, call: Call) => {
    const { upload_id: id } = parse<{ upload_id: string }>(payload);
    const found = await store.get(call.projectId, id);
    if (found === undefined) throw new MillraceError("UPLOAD_NOT_FOUND");
    return found;
  };
  return serve(options.connection, {
    service: "uploads",
    log: options.log,
    methods: {
      create: async (payload, call) => store.create(call.projectId, parse<CreateUpload>(payload)),
      note_bytes: async (payload) => {
        const { id, bytes } = parse<{ id: string; bytes: number }>(payload);
        await store.noteBytes(id, bytes);
      },
      received: async (payload) => store.received(parse<ReceivedUpload>(payload)),
      discard: async (payload) => store.discard(parse<{ id: string }>(payload).id),
      work: async (payload) => store.work(parse<{ id: string }>(payload).id),
      save: async (payload) => store.save(parse<SaveChunk>(payload)),
      fail: async (payload) => {
        const { id, failure } = parse<{ id: string; failure: RowError }>(payload);
        await store.fail(id, failure);
      },
      get: find,
      list: async (_payload, call) => ({ uploads: await store.list(call.projectId) }),
    },
    streams: {
      rejects: async (payload, call, sink) => {
        const { upload_id: id } = await find(payload, call);
        sink.start({
          status: 200,
          headers: {
            "Content-Type": "text/csv; charset=utf-8",
            "Content-Disposition": `attachment; filename="rejects-${id}.csv"`,
          },
        });
        await sink.write(Buffer.from("line,code,message\n"));
        let after = -1;
        for (;;) {
          const next = await store.nextRejects(id, after);
          if (next === undefined) return;
          await sink.write(await decompress(next.lines));
          after = next.chunk;
        }
      },
    },
  });
}
