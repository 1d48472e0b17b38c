// The four shapes of a body of events (one object, an array, {"batch":[…]}, NDJSON) as one list.
import { isUtf8 } from "node:buffer";
import { MillraceError } from "#schemas/errors.ts";
import { findJsonError, locate } from "./find-json-error.ts";
import { parseTimestamp } from "./parse-timestamp.ts";

/** A line of NDJSON that is not JSON: rejected alone. */
export class MalformedLine {
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }
}

export interface SentEvents {
  /** Values as they were sent, or MalformedLine. */
  readonly events: readonly unknown[];
  /** `sent_at` of the batch; NaN without one. */
  readonly sentAtMs: number;
  /** Which of them this installation made itself, when they come in again. */
  readonly madeHere?: ReadonlySet<number>;
}

export type BodyFormat = "json" | "ndjson";

const byteOrderMark = "\ufeff";
const replacement = "\ufffd";

/** Throws INVALID_ENCODING when `bytes` are not UTF-8. */
export function decodeText(bytes: Buffer): string {
  const text = bytes.toString();
  // Only a text with U+FFFD can have been damaged, and a text of one-byte characters is known not to hold any.
  if (text.includes(replacement) && !isUtf8(bytes)) throw new MillraceError("INVALID_ENCODING");
  return text.startsWith(byteOrderMark) ? text.slice(1) : text;
}

function malformed(text: string): MillraceError {
  const position = findJsonError(text);
  const { line, column } = locate(text, position);
  const what = position >= text.length ? "it ends too early" : "unexpected character";
  return new MillraceError("MALFORMED_JSON", {
    message: `The body is not valid JSON: ${what} at position ${position} (line ${line}, column ${column}).`,
    details: [{ position, line, column }],
  });
}

/** Throws MALFORMED_JSON with the position, or EMPTY_BODY. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    if (text.trim() === "") throw new MillraceError("EMPTY_BODY");
    throw malformed(text);
  }
}

/** Throws MillraceError: MALFORMED_JSON, EMPTY_BODY, INVALID_BODY, TOO_MANY_EVENTS, INVALID_ENCODING. */
export function parseBody(bytes: Buffer, format: BodyFormat, eventsMax: number): SentEvents {
  if (bytes.length === 0) throw new MillraceError("EMPTY_BODY");
  const text = decodeText(bytes);
  if (format === "ndjson") return parseLines(text, eventsMax);
  const body = parseJson(text);
  if (typeof body !== "object" || body === null) {
    throw new MillraceError("INVALID_BODY", {
      message: 'The body must be one event, an array of events, or {"batch":[…]}.',
    });
  }
  if (Array.isArray(body)) return checkList(body, Number.NaN, eventsMax);
  const { batch, sent_at: sentAt } = body as { batch?: unknown; sent_at?: unknown };
  if (batch === undefined) return { events: [body], sentAtMs: Number.NaN };
  if (!Array.isArray(batch)) {
    throw new MillraceError("INVALID_BODY", { message: "`batch` must be an array of events." });
  }
  const sentAtMs = sentAt === undefined || sentAt === null ? Number.NaN : parseTimestamp(sentAt);
  if (sentAt !== undefined && sentAt !== null && Number.isNaN(sentAtMs)) {
    throw new MillraceError("INVALID_BODY", {
      message: "`sent_at` must be an ISO 8601 time or epoch milliseconds.",
    });
  }
  return checkList(batch, sentAtMs, eventsMax);
}

function checkList(events: readonly unknown[], sentAtMs: number, eventsMax: number): SentEvents {
  if (events.length === 0) throw new MillraceError("EMPTY_BODY");
  if (events.length > eventsMax) throw tooMany(eventsMax);
  return { events, sentAtMs };
}

function tooMany(eventsMax: number): MillraceError {
  return new MillraceError("TOO_MANY_EVENTS", {
    message: `The request holds more than ${eventsMax} events; send smaller batches.`,
  });
}

/** Empty lines are skipped and not counted. */
function parseLines(text: string, eventsMax: number): SentEvents {
  const events: unknown[] = [];
  let lineNumber = 0;
  for (let start = 0; start < text.length;) {
    const newline = text.indexOf("\n", start);
    const end = newline < 0 ? text.length : newline;
    const line = text.slice(start, end);
    start = end + 1;
    lineNumber += 1;
    if (line.trim() === "") continue;
    if (events.length === eventsMax) throw tooMany(eventsMax);
    try {
      events.push(JSON.parse(line));
    } catch {
      const position = findJsonError(line);
      events.push(new MalformedLine(`Line ${lineNumber} is not valid JSON, column ${position + 1}.`));
    }
  }
  if (events.length === 0) throw new MillraceError("EMPTY_BODY");
  return { events, sentAtMs: Number.NaN };
}
