// JSON text that ClickHouse's parser surely takes and reads as we mean it, for blocks sent as text.
// One text it refuses would fail the whole block for good, and JSON.stringify writes several such: lone
// surrogates as \ud800, integers over 64 bits in full.
import type { JsonObject, JsonValue } from "./dynamic-column.ts";

/** Canonical text of an object; null members and members that JSON cannot write are left out. */
export function toServerJson(value: JsonObject): string {
  let text = "{";
  for (const [key, member] of Object.entries(value)) {
    if (member === null || (typeof member === "number" && !Number.isFinite(member))) continue;
    if (text.length > 1) text += ",";
    text += `${stringText(key)}:${valueText(member)}`;
  }
  return `${text}}`;
}

function valueText(value: JsonValue): string {
  if (typeof value === "string") return stringText(value);
  if (typeof value === "number") return numberText(value);
  if (typeof value === "boolean") return value ? "true" : "false";
  if (value === null) return "null";
  if (Array.isArray(value)) return `[${value.map(valueText).join(",")}]`;
  return toServerJson(value as JsonObject);
}

function stringText(value: string): string {
  return JSON.stringify(value.toWellFormed());
}

function numberText(value: number): string {
  if (!Number.isFinite(value)) return "null";
  if (!Number.isInteger(value)) return String(value);
  // Exponents make ClickHouse read a double. Safe integers it reads as Int64, like the native serialization.
  return Number.isSafeInteger(value) ? String(value + 0) : value.toExponential();
}
