// Records of one JSON array in a window of the file, element by element: the whole is never parsed, and the place
// of a record is known. Positions lie after "[", after a comma, or at the end.
import type { FileWindow } from "./file-window.ts";
import { Refusal } from "./map-row.ts";
import { parseJson } from "./ndjson-records.ts";
import type { ReadResult, TakeRecord } from "./read-records.ts";

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

export function isWhiteSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

export function skipWhiteSpace(bytes: Buffer, from: number): number {
  let at = from;
  while (at < bytes.length && isWhiteSpace(bytes[at])) at += 1;
  return at;
}

/** Offset of the comma or bracket that ends the element at `from`; -1 when the window ends before. */
function findElementEnd(bytes: Buffer, from: number): number {
  let depth = 0;
  let isText = false;
  for (let at = from; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (isText) {
      if (byte === backslash) at += 1;
      else if (byte === quote) isText = false;
    } else if (byte === quote) isText = true;
    else if (byte === openBrace || byte === openBracket) depth += 1;
    else if (byte === closeBrace || byte === closeBracket) {
      if (depth === 0) return at;
      depth -= 1;
    } else if (byte === comma && depth === 0) return at;
  }
  return -1;
}

/** `isFirst`: no element was read before, so that the array may be empty. */
export function readJsonArray(window: FileWindow, isFirst: boolean, take: TakeRecord): ReadResult {
  const { bytes, isLast } = window;
  const cut = (at: number): ReadResult => {
    if (!isLast && at > 0) return { end: at, isDone: false };
    const failure = isLast
      ? new Refusal("MALFORMED_JSON", "The array ends too early: a closing bracket is missing.")
      : new Refusal("RECORD_TOO_LARGE");
    return { end: at, isDone: true, failure };
  };
  for (let next = 0, count = 0; ; count += 1) {
    const start = skipWhiteSpace(bytes, next);
    // White space is done with, however much of it there is.
    if (start === bytes.length) return cut(start);
    const end = findElementEnd(bytes, start);
    if (end < 0) return cut(start);
    const isClosing = bytes[end] === closeBracket;
    if (bytes[end] === closeBrace || (end === start && !(isClosing && isFirst && count === 0))) {
      return {
        end: start,
        isDone: true,
        failure: new Refusal("MALFORMED_JSON", "Here an element of the array was expected."),
      };
    }
    if (end > start) {
      const content = parseJson(bytes.subarray(start, end));
      if (content !== undefined && !take(start, end, content)) return { end: start, isDone: false };
    }
    if (isClosing) return finish(window, end + 1);
    next = end + 1;
  }
}

/** Nothing but white space may follow the array. */
function finish(window: FileWindow, from: number): ReadResult {
  const rest = skipWhiteSpace(window.bytes, from);
  if (rest === window.bytes.length) return { end: rest, isDone: true };
  return {
    end: rest,
    isDone: true,
    failure: new Refusal("MALFORMED_JSON", "Something follows the end of the array."),
  };
}
