// Records of CSV in a window of the file. A record that cannot be read, for a misplaced quote or for its size, is
// rejected by its first line, and reading goes on with the next line: a stray quote costs one row and not the rest.
import { isUtf8 } from "node:buffer";
import { CsvError, parse } from "csv-parse/sync";
import type { FileWindow } from "./file-window.ts";
import { Refusal } from "./map-row.ts";
import type { ReadResult, TakeRecord } from "./read-records.ts";
import { uploadLimits } from "./upload-limits.ts";

const newline = 0x0a;

/** Thrown out of the parser: the window ends in the middle of a record. */
class Incomplete extends Error {}
/** Thrown out of the parser: no more records are wanted. */
class Enough extends Error {}

function isBlank(fields: readonly string[]): boolean {
  return fields.length === 1 && (fields[0] as string).trim() === "";
}

/** Empty lines are passed over. Ends of lines are LF, CRLF or CR, mixed as they come. */
export function readCsv(window: FileWindow, delimiter: string, take: TakeRecord): ReadResult {
  const { bytes, isLast } = window;
  const isText = isUtf8(bytes);
  let last = 0;
  let large = 0;
  for (let base = 0; ;) {
    let refusal: Refusal;
    try {
      parse(bytes.subarray(base), {
        delimiter,
        record_delimiter: ["\r\n", "\n", "\r"],
        relax_column_count: true,
        max_record_size: uploadLimits.recordBytesMax,
        on_record(fields: string[], context) {
          const start = last;
          const end = base + context.bytes;
          if (!isLast && end === bytes.length && bytes[end - 1] !== newline) throw new Incomplete();
          if (!isBlank(fields)) {
            const isReadable = isText || isUtf8(bytes.subarray(start, end));
            if (!take(start, end, isReadable ? { fields } : notText())) throw new Enough();
          }
          last = end;
          return null;
        },
      });
      return { end: isLast ? bytes.length : last, isDone: isLast };
    } catch (error) {
      if (error instanceof Enough) return { end: last, isDone: false };
      const isCut =
        error instanceof Incomplete ||
        (!isLast && error instanceof CsvError && error.code === "CSV_QUOTE_NOT_CLOSED");
      if (isCut && last > 0) return { end: last, isDone: false };
      refusal = isCut ? tooLarge() : describe(error);
    }
    // The window is larger than a record may be, so a record that fills it is too large.
    if (refusal.code === "RECORD_TOO_LARGE" && (large += 1) > uploadLimits.chunkLargeRecordsMax) {
      return { end: last, isDone: true, failure: refusal };
    }
    const end = window.nextLine(last);
    if (!take(last, end, refusal)) return { end: last, isDone: false };
    last = end;
    base = end;
    if (end >= bytes.length) return { end, isDone: isLast };
  }
}

export const notText = (): Refusal =>
  new Refusal(
    "INVALID_ENCODING",
    "The row is not valid UTF-8; declare the file's `charset`, for example latin1.",
  );

const tooLarge = (): Refusal => new Refusal("RECORD_TOO_LARGE");

function describe(error: unknown): Refusal {
  if (!(error instanceof CsvError)) throw error;
  switch (error.code) {
    case "CSV_MAX_RECORD_SIZE":
      return tooLarge();
    case "CSV_QUOTE_NOT_CLOSED":
      return new Refusal("RECORD_MALFORMED", "A quote that opens a value is never closed.");
    case "CSV_INVALID_CLOSING_QUOTE":
      return new Refusal(
        "RECORD_MALFORMED",
        "A closing quote is followed by something else than a delimiter.",
      );
    case "INVALID_OPENING_QUOTE":
      return new Refusal("RECORD_MALFORMED", "A quote stands inside a value that does not begin with one.");
    default:
      return new Refusal("RECORD_MALFORMED");
  }
}
