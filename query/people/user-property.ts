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

/** A SELECT of the persons whose property is as the filter wants it; or, if `complement`, of everybody else. */
export function matchingPersonsSql(
  filter: PropertyFilter,
  context: SqlContext,
): { persons: string; complement: boolean } {
  // What a missing property matches is the complement of what it does not match: a person without a row is missing.
  const complement = Object.hasOwn(complements, filter.operator)
    ? complements[filter.operator as keyof typeof complements]
    : undefined;
  const positive = complement === undefined ? filter : { ...filter, operator: complement };
  const condition = propertyFilterSql(positive, currentValue, context.parameters);
  const persons = `SELECT person FROM (${currentValuesSql(filter.property, context)}) WHERE ${condition}`;
  return { persons, complement: complement !== undefined };
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
