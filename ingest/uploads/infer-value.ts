// A cell of a table ▸ a property's value: by the declared type of its column, or by what it looks like.
import type { ValueType } from "#schemas/uploads/value-types.ts";

/** No leading zeros, no sign but minus, no exponent: article numbers such as 007, +49 or 12E4 stay text. */
const plainNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/;
const anyNumber = /^[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?$/;
/** Digits that a double holds for sure. */
const exactDigitsMax = 15;

const booleans: Readonly<Record<string, boolean>> = {
  true: true,
  True: true,
  TRUE: true,
  false: false,
  False: false,
  FALSE: false,
};
const declaredBooleans: Readonly<Record<string, boolean>> = {
  ...{ true: true, t: true, yes: true, y: true, "1": true },
  ...{ false: false, f: false, no: false, n: false, "0": false },
};

function countDigits(text: string): number {
  let digits = 0;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code >= 48 && code <= 57) digits += 1;
  }
  return digits;
}

/** A number that keeps every digit, a boolean, or the text as it is. */
export function inferValue(text: string): string | number | boolean {
  const first = text.charCodeAt(0);
  // Digits or minus: most texts are told by their first character.
  if ((first >= 48 && first <= 57) || first === 45) {
    return plainNumber.test(text) && countDigits(text) <= exactDigitsMax ? Number(text) : text;
  }
  return text.length <= 5 && Object.hasOwn(booleans, text) ? (booleans[text] as boolean) : text;
}

/** Undefined when the text is no value of the type. */
export function convertValue(
  text: string,
  type: Exclude<ValueType, "ignore">,
): string | number | boolean | undefined {
  if (type === "string") return text;
  const trimmed = text.trim();
  if (type === "number") {
    const number = anyNumber.test(trimmed) ? Number(trimmed) : Number.NaN;
    return Number.isFinite(number) ? number : undefined;
  }
  const lower = trimmed.toLowerCase();
  return Object.hasOwn(declaredBooleans, lower) ? declaredBooleans[lower] : undefined;
}
