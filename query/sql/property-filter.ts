// One condition on one property as SQL.
//
// How values compare:
//  - eq, neq, in, not_in: a string equals the value's text ("12" equals 12, "true" equals true); a number equals
//    a JSON number of the same size, or its text; true and false likewise.
//  - gt, gte, lt, lte: a number, or a string that looks like one, compares with JSON numbers; another string
//    compares with text, byte by byte (ISO dates sort rightly).
//  - contains, not_contains ignore case; starts_with does not.
//  - A property that is missing matches neq, not_in, not_contains and is_not_set, and nothing else.
import type { FilterScalar, PropertyFilter } from "#schemas/query/filter.ts";
import type { Parameters } from "./parameters.ts";
import type { PropertySql } from "./property.ts";

const comparisons = { gt: ">", gte: ">=", lt: "<", lte: "<=" } as const;

/** A condition without null; the filter was validated before. */
export function propertyFilterSql(
  filter: PropertyFilter,
  property: PropertySql,
  parameters: Parameters,
): string {
  switch (filter.operator) {
    case "eq":
    case "in":
      return equalsAny(property, valuesOf(filter), parameters);
    case "neq":
    case "not_in":
      return `NOT (${equalsAny(property, valuesOf(filter), parameters)})`;
    case "contains":
      return contains(property, filter.value, parameters);
    case "not_contains":
      return `NOT (${contains(property, filter.value, parameters)})`;
    case "starts_with":
      return `ifNull(startsWith(${property.text}, ${parameters.bind("String", String(filter.value))}), 0)`;
    case "gt":
    case "gte":
    case "lt":
    case "lte":
      return compare(property, comparisons[filter.operator], filter.value as string | number, parameters);
    case "is_set":
      return property.isSet;
    case "is_not_set":
      return `NOT (${property.isSet})`;
  }
}

function valuesOf(filter: PropertyFilter): readonly FilterScalar[] {
  return Array.isArray(filter.value) ? filter.value : [filter.value as FilterScalar];
}

function equalsAny(property: PropertySql, values: readonly FilterScalar[], parameters: Parameters): string {
  const texts = [...new Set(values.map(String))];
  const numbers = [...new Set(values.filter((value) => typeof value === "number"))];
  const textMatch =
    texts.length === 1
      ? `${property.text} = ${parameters.bind("String", texts[0])}`
      : `has(${parameters.bind("Array(String)", texts)}, ${property.text})`;
  const conditions = texts.length === 0 ? [] : [`ifNull(${textMatch}, 0)`];
  // A number's text can differ between the two languages (1e+21 and 1e21): sizes decide.
  if (numbers.length > 0) {
    const numberMatch =
      numbers.length === 1
        ? `${property.number} = ${parameters.bind("Float64", numbers[0])}`
        : `has(${parameters.bind("Array(Float64)", numbers)}, ${property.number})`;
    conditions.push(`ifNull(${numberMatch}, 0)`);
  }
  return conditions.length === 0 ? "0" : conditions.join(" OR ");
}

function contains(property: PropertySql, value: unknown, parameters: Parameters): string {
  // lowerUTF8 on one side, the same rule in JavaScript on the other would differ for a few letters: both here.
  const needle = `lowerUTF8(${parameters.bind("String", String(value))})`;
  return `ifNull(position(lowerUTF8(${property.text}), ${needle}) > 0, 0)`;
}

/** The number that a comparison means, or undefined when it compares texts. */
export function comparisonNumber(value: string | number): number | undefined {
  if (typeof value === "number") return value;
  const number = Number(value);
  return value.trim() === "" || !Number.isFinite(number) ? undefined : number;
}

function compare(
  property: PropertySql,
  sign: string,
  value: string | number,
  parameters: Parameters,
): string {
  const number = comparisonNumber(value);
  if (number === undefined) return `ifNull(${property.text} ${sign} ${parameters.bind("String", value)}, 0)`;
  return `ifNull(${property.number} ${sign} ${parameters.bind("Float64", number)}, 0)`;
}
