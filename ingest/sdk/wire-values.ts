// Values of the wire as the formats of SDKs understand them: looser than our own, so that what their servers take
// is taken here too.
import { eventLimits } from "#schemas/events/event.ts";
import { parseTimestamp } from "../events/parse-timestamp.ts";

export type Members = Readonly<Record<string, unknown>>;

export function isMembers(value: unknown): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The members of an object; none of anything else. */
export function membersOf(value: unknown): Members {
  return isMembers(value) ? value : {};
}

/** Ids may be numbers; undefined when there is none. */
export function idText(value: unknown): unknown {
  if (value === null || value === "") return undefined;
  return typeof value === "number" || typeof value === "boolean" ? String(value) : value;
}

/** The first that is a string with something in it. */
export function firstText(...values: unknown[]): string | undefined {
  return values.find((value): value is string => typeof value === "string" && value !== "");
}

/** A time of the sender's clock, or undefined when it cannot be read: then nothing is corrected by it. */
export function readableTime(value: unknown): number | undefined {
  const ms = parseTimestamp(value);
  return Number.isNaN(ms) ? undefined : ms;
}

/** An id of a session that can be kept; others are not worth an event. */
export function sessionId(value: unknown): string | undefined {
  const text = idText(value);
  return typeof text === "string" && text.length <= eventLimits.idLengthMax && text.isWellFormed()
    ? text
    : undefined;
}
