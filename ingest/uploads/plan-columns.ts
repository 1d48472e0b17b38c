// The header of a CSV file against what the mapping asks for.
import { isStorable, type UploadMapping } from "#schemas/uploads/mapping.ts";
import type { ErrorCode } from "#schemas/errors.ts";
import { decideColumns, Refusal } from "./map-row.ts";
import { uploadLimits } from "./upload-limits.ts";

export class ColumnRefusal extends Refusal {
  /** The parameter to change; undefined when the file is at fault. */
  readonly parameter: string | undefined;

  constructor(code: ErrorCode, message: string, parameter?: string) {
    super(code, message);
    this.parameter = parameter;
  }
}

const namesShownMax = 20;
const nameLengthMax = 200;

const columnParameters = [
  "event_column",
  "user_column",
  "anonymous_column",
  "timestamp_column",
  "event_id_column",
] as const;

/** Names of all columns; those without one are called after their place. */
export function planColumns(
  header: readonly string[],
  mapping: UploadMapping,
): readonly string[] | ColumnRefusal {
  if (header.length > uploadLimits.columnsMax) {
    return new ColumnRefusal(
      "TOO_MANY_COLUMNS",
      `The file has ${header.length} columns; ${uploadLimits.columnsMax} are allowed.`,
    );
  }
  const columns = header.map((name, index) => name.trim() || `column_${index + 1}`);
  const long = columns.find((column) => column.length > nameLengthMax);
  if (long !== undefined) {
    return new ColumnRefusal(
      "RECORD_TOO_LARGE",
      `The column \`${long.slice(0, 40)}…\` has a name longer than ${nameLengthMax} characters.`,
    );
  }
  if (!columns.every(isStorable)) {
    return new ColumnRefusal(
      "INVALID_ENCODING",
      "The header holds NUL characters: is this a text file, and its `charset` right?",
    );
  }
  const known = new Set<string>();
  for (const column of columns) {
    if (known.has(column)) {
      return new ColumnRefusal("COLUMN_REPEATED", `Two columns of the file have the name \`${column}\`.`);
    }
    known.add(column);
  }
  const missing = findMissing(mapping, known);
  if (missing !== undefined) {
    const there = columns.slice(0, namesShownMax).join(", ");
    const more = columns.length > namesShownMax ? ", …" : "";
    return new ColumnRefusal(
      "COLUMN_NOT_FOUND",
      `${missing.message} The file has: ${there}${more}.`,
      missing.parameter,
    );
  }
  return columns;
}

function findMissing(
  mapping: UploadMapping,
  known: ReadonlySet<string>,
): { parameter: string; message: string } | undefined {
  for (const parameter of columnParameters) {
    const column = mapping[parameter];
    if (column !== undefined && !known.has(column)) {
      return { parameter, message: `\`${parameter}\` names the column \`${column}\`, which is not there.` };
    }
  }
  for (const column of Object.keys(mapping.types ?? {})) {
    if (!known.has(column)) {
      return { parameter: "types", message: `\`types\` names the column \`${column}\`, which is not there.` };
    }
  }
  const roles = new Set(decideColumns(mapping, (column) => known.has(column)).values());
  if (mapping.event === undefined && !roles.has("event")) {
    return {
      parameter: "event",
      message: "Say what the rows are: give every row's name as `event`, or its column as `event_column`.",
    };
  }
  if (!roles.has("user_id") && !roles.has("anonymous_id")) {
    return {
      parameter: "user_column",
      message:
        "Say whose events they are: give the user's column as `user_column`, or an anonymous id's as `anonymous_column`.",
    };
  }
  return undefined;
}
