// Properties of users as SQL: the value that a person has now, whatever it was when an event happened. Of several
// ids of one person the latest `$set` counts, otherwise the earliest `$set_once`.
import type { PropertyFilter } from "#schemas/query/filter.ts";
import type { SqlContext } from "../sql/context.ts";
import { propertyFilterSql } from "../sql/property-filter.ts";
import type { PropertySql } from "../sql/property.ts";
import { fromTable } from "../sql/scope.ts";
import { personSql } from "./person-sql.ts";

/** Of the rows of one person: `$set` before `$set_once`, then the latest. Ties by value, so that answers repeat. */
const rank = "(once = 0, version, value)";

/** Rows person, text, number, boolean, is_set of one property. */
export function currentValuesSql(property: string, context: SqlContext): string {
  const columns = ["text", "number", "boolean", "value"].map(
    (column) => `argMax(tuple(${column}), ${rank}).1 AS current_${column}`,
  );
  const rows = fromTable(
    "user_properties",
    [`property = ${context.parameters.bind("String", property)}`],
    "FINAL",
  );
  return `SELECT ${personSql(context.people)} AS person, ${columns.join(", ")} ${rows} GROUP BY person`;
}

const currentValue: PropertySql = {
  text: "current_text",
  number: "current_number",
  boolean: "current_boolean",
  isSet: "current_value != ''",
};

const complements = {
  neq: "eq",
  not_in: "in",
  not_contains: "contains",
  is_not_set: "is_set",
} as const;

/** As stored in one row. */
const rowValue: PropertySql = { text: "text", number: "number", boolean: "boolean", isSet: "value != ''" };

/**
 * The set of persons whose property is as the filter wants it; or, if `complement`, of everybody else. Without joined
 * ids no rows are grouped: a person's row of `$set` counts, that of `$set_once` where there is none.
 */
export function matchingBitmapSql(
  filter: PropertyFilter,
  context: SqlContext,
): { bitmap: string; complement: boolean } {
  if (context.people.merged) {
    const { persons, complement } = matchingPersonsSql(filter, context);
    return { bitmap: `(SELECT groupBitmapState(toUInt32(person)) FROM (${persons}))`, complement };
  }
  const { positive, complement } = positiveOf(filter);
  const condition = propertyFilterSql(positive, rowValue, context.parameters);
  const rows = fromTable(
    "user_properties",
    [`property = ${context.parameters.bind("String", filter.property)}`],
    "FINAL",
  );
  const set = (what: string): string => `groupBitmapStateIf(user_number, ${what})`;
  const bitmap = `bitmapOr(${set(`once = 0 AND (${condition})`)}, bitmapAndnot(${set(`once = 1 AND (${condition})`)}, ${set("once = 0")}))`;
  return { bitmap: `(SELECT ${bitmap} ${rows})`, complement };
}

/** What a missing property matches is the complement of what it does not match: a person without a row is missing. */
function positiveOf(filter: PropertyFilter): { positive: PropertyFilter; complement: boolean } {
  const complement = Object.hasOwn(complements, filter.operator)
    ? complements[filter.operator as keyof typeof complements]
    : undefined;
  return {
    positive: complement === undefined ? filter : { ...filter, operator: complement },
    complement: complement !== undefined,
  };
}

/** A SELECT of the persons whose property is as the filter wants it; or, if `complement`, of everybody else. */
export function matchingPersonsSql(
  filter: PropertyFilter,
  context: SqlContext,
): { persons: string; complement: boolean } {
  const { positive, complement } = positiveOf(filter);
  const condition = propertyFilterSql(positive, currentValue, context.parameters);
  const persons = `SELECT person FROM (${currentValuesSql(filter.property, context)}) WHERE ${condition}`;
  return { persons, complement };
}

/** UInt8: the row's person has the property as the filter wants it. */
export function userFilterSql(filter: PropertyFilter, context: SqlContext): string {
  const { persons, complement } = matchingPersonsSql(filter, context);
  // GLOBAL: in a cluster the set is made once, of all servers' rows.
  return `${personSql(context.people)} GLOBAL ${complement ? "NOT IN" : "IN"} (${persons})`;
}

/** Nullable(String): the property of the row's person as text. */
export function userPropertyTextSql(property: string, context: SqlContext): string {
  const values = `(SELECT (groupArray(person), groupArray(tuple(current_text))) FROM (${currentValuesSql(property, context)}))`;
  return `transform(${personSql(context.people)}, ${values}.1, arrayMap(each -> each.1, ${values}.2), NULL)`;
}
