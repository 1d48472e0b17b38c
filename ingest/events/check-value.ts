// Checks a JSON value of the sender before it is turned back into text: JSON.stringify would overflow the stack
// on deep nesting, and would write numbers that JSON.parse read as Infinity (1e999) as null.
import { eventLimits } from "#schemas/events/event.ts";
import type { ErrorCode } from "#schemas/errors.ts";

/** Undefined when `value`, an object or array at nesting level `depth`, can be stored. */
export function checkValue(value: object, depth: number): ErrorCode | undefined {
  if (depth > eventLimits.nestingDepthMax) return "EVENT_TOO_DEEP";
  const members = value as Record<string, unknown>;
  for (const key in members) {
    const member = members[key];
    if (typeof member === "number") {
      if (!Number.isFinite(member)) return "NUMBER_OUT_OF_RANGE";
    } else if (typeof member === "object" && member !== null) {
      const refused = checkValue(member, depth + 1);
      if (refused !== undefined) return refused;
    }
  }
  return undefined;
}

function wellFormed(_key: string, value: unknown): unknown {
  return typeof value === "string" ? value.toWellFormed() : value;
}

/** JSON text of a checked value. Halves of surrogate pairs become U+FFFD: the store refuses their escapes. */
export function stringifyValue(value: object): string {
  const text = JSON.stringify(value);
  // JSON.stringify escapes only lone surrogates as \ud…; the search costs less than looking at every string.
  return text.includes("\\ud") ? JSON.stringify(value, wellFormed) : text;
}
