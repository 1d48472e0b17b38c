// svc.query.export_events: all raw events of a range as a stream of constant memory, without a cap.
import type { Call, StreamSink } from "#streams/services.ts";
import { loadPeople } from "../../people/people.ts";
import { checkReads } from "../../expiry/expiry.ts";
import { parseBody } from "../../parse-body.ts";
import type { QueryContext } from "../../query-context.ts";
import { streamStatement } from "../../store/stream-statement.ts";
import { compileExport } from "./compile.ts";
import { createPacker, exportHeaders } from "./packer.ts";
import { readExportRequest } from "./request.ts";

export async function exportEvents(
  context: QueryContext,
  payload: Uint8Array,
  call: Call,
  sink: StreamSink,
): Promise<void> {
  const request = readExportRequest(parseBody(payload));
  const packer = createPacker(request.gzip, async (bytes) => {
    context.store.metrics.exportBytes.inc({ format: request.format }, bytes.length);
    await sink.write(bytes);
  });
  try {
    const people = await loadPeople(context.postgres, call.projectId, request.cohortsUsed);
    const statement = compileExport(request, people);
    checkReads([statement], (await context.answers.stateOf(call.projectId)).expiry);
    await streamStatement(context.exportStore, statement, {
      projectId: call.projectId,
      signal: call.signal,
      onStart: () =>
        sink.start({ status: 200, headers: exportHeaders("events", request.format, request.gzip) }),
      onBytes: (bytes) => packer.write(bytes),
    });
    await packer.end();
  } catch (error) {
    packer.abort();
    throw error;
  }
}
