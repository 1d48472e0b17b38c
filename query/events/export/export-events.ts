// svc.query.export_events: all raw events of a range as a stream of constant memory, without a cap.
import { once } from "node:events";
import { finished } from "node:stream/promises";
import { createGzip, constants } from "node:zlib";
import type { ExportFormat } from "#schemas/query/export.ts";
import type { Call, StreamSink } from "#streams/services.ts";
import { loadPeople } from "../../people/people.ts";
import { parseBody } from "../../parse-body.ts";
import type { QueryContext } from "../../query-context.ts";
import { streamStatement } from "../../store/stream-statement.ts";
import { compileExport } from "./compile.ts";
import { readExportRequest } from "./request.ts";

const contentTypes: Readonly<Record<ExportFormat, string>> = {
  ndjson: "application/x-ndjson; charset=utf-8",
  csv: "text/csv; charset=utf-8",
  parquet: "application/vnd.apache.parquet",
};

export async function exportEvents(
  context: QueryContext,
  payload: Uint8Array,
  call: Call,
  sink: StreamSink,
): Promise<void> {
  const request = readExportRequest(parseBody(payload));
  const write = async (bytes: Uint8Array): Promise<void> => {
    context.store.metrics.exportBytes.inc({ format: request.format }, bytes.length);
    await sink.write(bytes);
  };
  const packer = request.gzip ? startGzip(write) : { write, end: async () => {} };
  try {
    const people = await loadPeople(context.postgres, call.projectId, request.cohortsUsed);
    await streamStatement(context.exportStore, compileExport(request, people), {
      projectId: call.projectId,
      signal: call.signal,
      onStart: () =>
        sink.start({
          status: 200,
          headers: {
            "content-type": contentTypes[request.format],
            "content-disposition": `attachment; filename="events.${request.format}"`,
            ...(request.gzip ? { "content-encoding": "gzip" } : {}),
          },
        }),
      onBytes: (bytes) => packer.write(bytes),
    });
    await packer.end();
  } catch (error) {
    packer.abort?.();
    throw error;
  }
}

interface Packer {
  write(bytes: Uint8Array): Promise<void>;
  end(): Promise<void>;
  abort?(): void;
}

/** Compresses on the way; takes more only when what is compressed has been taken. */
function startGzip(take: (bytes: Uint8Array) => Promise<void>): Packer {
  const gzip = createGzip({ level: constants.Z_BEST_SPEED + 2, chunkSize: 64 * 1024 });
  const drained = (async () => {
    for await (const chunk of gzip) await take(chunk as Buffer);
  })();
  // Failures reach the caller through `write` and `end`; until then they must not count as unhandled.
  drained.catch(() => {});
  return {
    async write(bytes) {
      if (!gzip.write(bytes)) await Promise.race([once(gzip, "drain"), drained]);
    },
    async end() {
      gzip.end();
      await Promise.all([drained, finished(gzip, { readable: false })]);
    },
    abort: () => gzip.destroy(),
  };
}
