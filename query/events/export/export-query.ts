// svc.query.export_query: the answer of any query as rows of CSV, NDJSON or Parquet, streamed as the reader takes them.
import { MillraceError } from "#schemas/errors.ts";
import { compileCheck, invalidQuery, type FieldProblem } from "#schemas/query/check.ts";
import type { ExportFormat } from "#schemas/query/export.ts";
import { ExportQuery, ExportQueryParameters, type ExportKind } from "#schemas/query/export-query.ts";
import type { Call, StreamSink } from "#streams/services.ts";
import { parseBody } from "../../parse-body.ts";
import type { QueryContext } from "../../query-context.ts";
import { createPacker, exportHeaders, wantsGzip } from "./packer.ts";
import type { ReadTables } from "./read-tables.ts";
import { flagOf } from "./request.ts";
import { createRowWriter } from "./row-writers.ts";
import type { RowWriter, Table } from "./table.ts";

/** Rows that become bytes at once. */
const rowsAtOnce = 5_000;

const checkBody = compileCheck(ExportQuery);
const checkParameters = compileCheck(ExportQueryParameters);

export function createExportQuery(
  kinds: Readonly<Record<ExportKind, ReadTables>>,
): (context: QueryContext, payload: Uint8Array, call: Call, sink: StreamSink) => Promise<void> {
  return async (context, payload, call, sink) => {
    const { kind, query, format, gzip } = readRequest(parseBody(payload), call.parameters);
    const packer = createPacker(gzip, async (bytes) => {
      context.store.metrics.exportBytes.inc({ format }, bytes.length);
      await sink.write(bytes);
    });
    try {
      let writer: RowWriter | undefined;
      for await (const { columns, rows } of insideQuery(kinds[kind](context, query, call))) {
        // Only now: a query that is refused still has its own status.
        if (writer === undefined) {
          writer = createRowWriter(format, columns);
          sink.start({ status: 200, headers: exportHeaders(kind, format, gzip) });
        }
        for (let at = 0; at < rows.length; at += rowsAtOnce) {
          await writeBytes(packer, writer.write(rows.slice(at, at + rowsAtOnce)));
        }
      }
      if (writer !== undefined) await writeBytes(packer, writer.end());
      await packer.end();
    } catch (error) {
      packer.abort();
      throw error;
    }
  };
}

async function writeBytes(
  packer: { write(bytes: Uint8Array): Promise<void> },
  bytes: Uint8Array,
): Promise<void> {
  if (bytes.length > 0) await packer.write(bytes);
}

function readRequest(
  body: unknown,
  given: Call["parameters"],
): { kind: ExportKind; query: ExportQuery["query"]; format: ExportFormat; gzip: boolean } {
  const asked = checkBody(body);
  const parameters = checkParameters(given);
  const format = asked.format ?? parameters.format ?? "ndjson";
  return {
    kind: asked.kind,
    query: asked.query,
    format,
    gzip: wantsGzip(format, asked.gzip ?? flagOf(parameters.gzip), parameters.accept_encoding),
  };
}

/** What is wrong with the query lies under `query` here. */
async function* insideQuery(tables: AsyncGenerator<Table>): AsyncGenerator<Table> {
  try {
    yield* tables;
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    if (error.code !== "INVALID_QUERY" && error.code !== "INVALID_PARAMETER") throw error;
    throw invalidQuery(
      (error.details as readonly FieldProblem[]).map(({ path, message }) => ({
        path: path === "" ? "query" : `query.${path}`,
        message,
      })),
    );
  }
}
