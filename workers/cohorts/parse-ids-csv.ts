// Ids of people from CSV: one column of it, with or without a line of names.
import { CsvError, parse } from "csv-parse";
import { cohortLimits } from "#schemas/cohorts/cohort.ts";
import { MillraceError } from "#schemas/errors.ts";
import { eventLimits } from "#schemas/events/event.ts";

/** Names by which a first line is known as such when no column is asked for, best first. */
const columnNames = ["user_id", "userid", "distinct_id", "anonymous_id", "user", "users", "id", "ids"];

/** Text is handed to the parser in pieces, so that other work of the process goes on between them. */
const pieceBytes = 64 * 1024;

/** Throws INVALID_BODY that names the line, or INVALID_PARAMETER when the column is not there. */
export async function parseIdsCsv(body: Uint8Array, column: string | undefined): Promise<string[]> {
  const ids = new Set<string>();
  let index: number | undefined;
  const parser = parse({
    bom: true,
    trim: true,
    skip_empty_lines: true,
    relax_column_count: true,
    info: true,
  });
  const feeding = feed(parser, body);
  try {
    for await (const each of parser as AsyncIterable<{ record: string[]; info: { lines: number } }>) {
      const { record, info } = each;
      if (index === undefined) {
        const header = findColumn(record, column);
        index = header ?? 0;
        if (header !== undefined) continue;
      }
      const id = record[index] ?? "";
      if (id === "") continue;
      if (id.length > eventLimits.idLengthMax) {
        throw wrongLine(info.lines, `an id is longer than ${eventLimits.idLengthMax} characters`);
      }
      ids.add(id);
      if (ids.size > cohortLimits.idsPerRequestMax) {
        throw wrongLine(
          info.lines,
          `more than the ${cohortLimits.idsPerRequestMax} ids that one request may hold`,
        );
      }
    }
  } catch (error) {
    if (error instanceof CsvError) {
      throw wrongLine(
        Number(error["lines"] ?? 0),
        error.message.charAt(0).toLowerCase() + error.message.slice(1),
      );
    }
    throw error;
  } finally {
    parser.destroy();
    await feeding;
  }
  if (ids.size === 0) throw new MillraceError("INVALID_BODY", { message: "The CSV holds no ids." });
  return [...ids];
}

async function feed(parser: ReturnType<typeof parse>, body: Uint8Array): Promise<void> {
  for (let start = 0; start < body.length && !parser.destroyed; start += pieceBytes) {
    parser.write(Buffer.from(body.subarray(start, start + pieceBytes)));
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (!parser.destroyed) parser.end();
}

/** Place of the ids in a line of names; undefined when the first line holds values. */
function findColumn(first: readonly string[], column: string | undefined): number | undefined {
  if (column !== undefined) {
    const index = first.indexOf(column);
    if (index >= 0) return index;
    throw new MillraceError("INVALID_PARAMETER", {
      message: `The first line has no column \`${column}\`.`,
      details: [{ path: "column", message: "is not a name of the first line" }],
    });
  }
  const names = first.map((name) => name.toLowerCase());
  const known = columnNames.find((name) => names.includes(name));
  return known === undefined ? undefined : names.indexOf(known);
}

function wrongLine(line: number, message: string): MillraceError {
  return new MillraceError("INVALID_BODY", {
    message: `The CSV is wrong in line ${line}: ${message}.`,
    details: [{ line, message }],
  });
}
