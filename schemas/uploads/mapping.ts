// How the columns of an uploaded file become events: the parameters of POST /v1/uploads, checked.
// Names that only the file can confirm (columns) are checked when its head is read.
import { Type } from "@sinclair/typebox";
import { MillraceError } from "../errors.ts";
import { parseTypes, type ValueType } from "./value-types.ts";

export const uploadFormats = ["csv", "ndjson", "json"] as const;
export type UploadFormat = (typeof uploadFormats)[number];

export interface UploadMapping {
  readonly event?: string;
  readonly event_column?: string;
  readonly user_column?: string;
  readonly anonymous_column?: string;
  readonly timestamp_column?: string;
  readonly timestamp_format?: string;
  readonly event_id_column?: string;
  readonly types?: Readonly<Record<string, ValueType>>;
  readonly dedupe?: "rows";
  readonly delimiter?: string;
  readonly charset?: string;
}

const text = (description: string) => Type.Optional(Type.String({ description }));

/** As parameters of the query string, as fields of a form, or as members of its JSON part `mapping`. */
export const MappingParameters = Type.Object({
  event: text("Name of every event of the file, when no column holds it."),
  event_column: text("Column with the name of the event. Default: the column `event`."),
  user_column: text("Column with the user's id. Default: the column `user_id`, if there is one."),
  anonymous_column: text(
    "Column with an id for rows without a user. Default: the column `anonymous_id`, if there is one.",
  ),
  timestamp_column: text(
    "Column with the time. Default: the column `timestamp`, if there is one; else all rows happened at the upload.",
  ),
  timestamp_format: text(
    "`iso` (default), `epoch_s`, `epoch_ms`, or a pattern such as `dd/mm/yyyy hh:mm`, `M/d/yyyy h:mm a` or `%d.%m.%Y`.",
  ),
  event_id_column: text(
    "Column with an id of the row: the same id counts once. Default: the column `event_id`, if there is one.",
  ),
  types: text(
    "Types of columns, `price:number,code:string`, or a JSON object: string, number, boolean, ignore. Without: inferred per value.",
  ),
  dedupe: Type.Optional(
    Type.Literal("rows", { description: "The same file, or the same row in another file, adds nothing." }),
  ),
  delimiter: text("Of CSV: a character, or comma, semicolon, tab, pipe. Default: detected."),
  charset: text(
    "Of the file, for example `latin1` or `utf-16le`. Default: UTF-8, or what its byte order mark says.",
  ),
});

type Name = keyof typeof MappingParameters.properties;
export const mappingNames = Object.keys(MappingParameters.properties) as readonly Name[];

const textLengthMax = 200;
const delimiterNames: Readonly<Record<string, string>> = {
  comma: ",",
  semicolon: ";",
  tab: "\t",
  "\\t": "\t",
  pipe: "|",
};

export function parameterError(parameter: string, message: string): MillraceError {
  return new MillraceError("INVALID_PARAMETER", { message, details: [{ parameter }] });
}

/** Throws INVALID_PARAMETER that names the parameter. */
export function parseFormat(value: unknown): UploadFormat {
  const known = uploadFormats.find((format) => format === value);
  if (known === undefined) throw parameterError("format", "`format` must be csv, ndjson or json.");
  return known;
}

/** Throws INVALID_PARAMETER that names the parameter. Names that are not known are refused too. */
export function parseMapping(given: ReadonlyMap<string, unknown>, format: UploadFormat): UploadMapping {
  const mapping: Partial<Record<Name, unknown>> = {};
  for (const [name, value] of given) {
    const known = mappingNames.find((each) => each === name);
    if (known === undefined) {
      throw parameterError(
        name,
        `\`${name.slice(0, 100)}\` is not a parameter of uploads; they are format, ${mappingNames.join(", ")}.`,
      );
    }
    mapping[known] = known === "types" ? parseTypes(value) : parseText(known, value);
  }
  if (mapping.event !== undefined && mapping.event_column !== undefined) {
    throw parameterError("event", "`event` and `event_column` exclude each other.");
  }
  if (mapping.dedupe !== undefined && mapping.dedupe !== "rows") {
    throw parameterError("dedupe", "`dedupe` can only be `rows`.");
  }
  if (mapping.delimiter !== undefined)
    mapping.delimiter = parseDelimiter(mapping.delimiter as string, format);
  if (mapping.charset !== undefined) mapping.charset = parseCharset(mapping.charset as string);
  return mapping as UploadMapping;
}

/** No NUL and no half of a surrogate pair, which no store takes. */
export function isStorable(text: string): boolean {
  return !text.includes("\0") && text.isWellFormed();
}

function parseText(name: Name, value: unknown): string {
  if (typeof value !== "string" || value === "" || value.length > textLengthMax || !isStorable(value)) {
    throw parameterError(name, `\`${name}\` must be a text of 1 to ${textLengthMax} characters, given once.`);
  }
  return value;
}

function parseDelimiter(value: string, format: UploadFormat): string {
  if (format !== "csv") throw parameterError("delimiter", "`delimiter` is for format=csv only.");
  const delimiter = delimiterNames[value] ?? value;
  if (delimiter.length !== 1 || /["\r\n]/.test(delimiter)) {
    throw parameterError(
      "delimiter",
      "`delimiter` must be one character, or comma, semicolon, tab or pipe; not a quote or a line break.",
    );
  }
  return delimiter;
}

/** The name by which decoders know it. */
function parseCharset(value: string): string {
  const label = value.trim().toLowerCase();
  // Without an order of bytes the standard means little-endian, unless the mark says otherwise.
  if (label === "utf-16" || label === "utf16") return "utf-16";
  try {
    return new TextDecoder(label).encoding;
  } catch (error) {
    throw new MillraceError("INVALID_PARAMETER", {
      message: "`charset` is not known; examples are utf-8, latin1, windows-1252, utf-16le, utf-16be.",
      details: [{ parameter: "charset" }],
      cause: error,
    });
  }
}
