// Records of NDJSON in a window of the file: one JSON value a line; empty lines are passed over.
import { isUtf8 } from "node:buffer";
import { findJsonError } from "../events/find-json-error.ts";
import { notText } from "./csv-records.ts";
import type { FileWindow } from "./file-window.ts";
import { Refusal } from "./map-row.ts";
import type { ReadResult, RecordContent, TakeRecord } from "./read-records.ts";
import { uploadLimits } from "./upload-limits.ts";

const newline = 0x0a;

export function readNdjson(window: FileWindow, take: TakeRecord): ReadResult {
  const { bytes, isLast } = window;
  for (let start = 0; start < bytes.length;) {
    const found = bytes.indexOf(newline, start);
    let end = found < 0 ? bytes.length : found + 1;
    if (found < 0 && !isLast) {
      if (start > 0) return { end: start, isDone: false };
      // The window is larger than a record may be.
      end = window.nextLine(start);
      if (!take(start, end, new Refusal("RECORD_TOO_LARGE"))) return { end: start, isDone: false };
      return { end, isDone: false };
    }
    const content = parseJson(bytes.subarray(start, end));
    if (content !== undefined && !take(start, end, content)) return { end: start, isDone: false };
    start = end;
  }
  return { end: bytes.length, isDone: isLast };
}

/** Undefined: white space only. */
export function parseJson(bytes: Buffer): RecordContent | undefined {
  if (bytes.length > uploadLimits.recordBytesMax) return new Refusal("RECORD_TOO_LARGE");
  if (!isUtf8(bytes)) return notText();
  const text = bytes.toString();
  if (text.trim() === "") return undefined;
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return new Refusal("MALFORMED_JSON", `The row is not valid JSON, position ${findJsonError(text) + 1}.`);
  }
}
