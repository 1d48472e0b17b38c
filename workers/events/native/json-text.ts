// JSON text that ClickHouse's parser surely takes and reads as we mean it, for blocks sent as text.
// One text it refuses would fail the whole block for good, and JSON.stringify writes several such: lone
// surrogates as \ud800, integers over 64 bits in full.
import { finiteOrNull, isArray } from "./dynamic-column.ts";
import type { JsonObject, JsonValue } from "./dynamic-column.ts";

/** Text of an object without its null members and the members that JSON cannot write. */
export function toServerJson(value: JsonObject): string {
  let text = "{";
  for (const [key, raw] of Object.entries(value)) {
    const member = finiteOrNull(raw);
    if (member === null) continue;
    if (text.length > 1) text += ",";
    text += `${stringText(key)}:${valueText(member)}`;
  }
  return `${text}}`;
}

/**
 * Whether an array in `value` holds null: where other rows have arrays or objects in that place, ClickHouse's
 * parser makes it [] or {}.
 */
export function holdsNullElement(value: JsonValue): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (!isArray(value)) return Object.values(value).some(holdsNullElement);
  return value.some((element) => finiteOrNull(element) === null || holdsNullElement(element));
}

function valueText(value: JsonValue): string {
  if (typeof value === "string") return stringText(value);
  if (typeof value === "number") return numberText(value);
  if (typeof value === "boolean") return value ? "true" : "false";
  if (value === null) return "null";
  return isArray(value)
    ? `[${value.map((element) => valueText(finiteOrNull(element))).join(",")}]`
    : toServerJson(value);
}

function stringText(value: string): string {
  return JSON.stringify(value.toWellFormed());
}

function numberText(value: number): string {
  if (!Number.isInteger(value)) return String(value);
  // Exponents make ClickHouse read a double. Safe integers it reads as Int64, like the native serialization.
  return Number.isSafeInteger(value) ? String(value + 0) : value.toExponential();
}
