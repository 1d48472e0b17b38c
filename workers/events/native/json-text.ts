// JSON text that ClickHouse's parser surely takes and reads as we mean it, for blocks sent as text.
// One text it refuses would fail the whole block for good, and JSON.stringify writes several such: lone
// surrogates as \ud800, integers over 64 bits in full.
import { finiteOrNull, isArray } from "./dynamic-column.ts";
import type { JsonObject, JsonValue } from "./dynamic-column.ts";

/**
 * Text of an object without its null members and the members that JSON cannot write; undefined when an array
 * holds null: where other rows have arrays or objects in that place, the parser makes it [] or {}.
 */
export function toServerJson(value: JsonObject): string | undefined {
  let text = "{";
  for (const [key, member] of Object.entries(value)) {
    if (finiteOrNull(member) === null) continue;
    const memberText = valueText(member);
    if (memberText === undefined) return undefined;
    if (text.length > 1) text += ",";
    text += `${stringText(key)}:${memberText}`;
  }
  return `${text}}`;
}

function valueText(value: JsonValue): string | undefined {
  if (typeof value === "string") return stringText(value);
  if (typeof value === "number") return numberText(value);
  if (typeof value === "boolean") return value ? "true" : "false";
  if (value === null) return undefined;
  return isArray(value) ? arrayText(value) : toServerJson(value);
}

function arrayText(values: readonly JsonValue[]): string | undefined {
  const texts: string[] = [];
  for (const value of values) {
    const text = valueText(finiteOrNull(value));
    if (text === undefined) return undefined;
    texts.push(text);
  }
  return `[${texts.join(",")}]`;
}

function stringText(value: string): string {
  return JSON.stringify(value.toWellFormed());
}

function numberText(value: number): string {
  if (!Number.isInteger(value)) return String(value);
  // Exponents make ClickHouse read a double. Safe integers it reads as Int64, like the native serialization.
  return Number.isSafeInteger(value) ? String(value + 0) : value.toExponential();
}
