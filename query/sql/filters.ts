// Filters as one SQL condition over rows of `events` or, where no property of events is asked for, of `steps`.
// A list is AND; {or:[…]} nests.
import type { Filter } from "#schemas/query/filter.ts";
import { isMemberSql } from "../people/cohort-sql.ts";
import { userFilterSql } from "../people/user-property.ts";
import { propertyIn, type SqlContext } from "./context.ts";
import { propertyFilterSql } from "./property-filter.ts";
import type { EventTable } from "./scope.ts";

/** A condition without null; "1" when there is nothing to check. Filters were validated before. */
export function filtersSql(filters: readonly Filter[], context: SqlContext): string {
  if (filters.length === 0) return "1";
  return filters.map((filter) => `(${filterSql(filter, context)})`).join(" AND ");
}

function filterSql(filter: Filter, context: SqlContext): string {
  if ("or" in filter) return filter.or.map((inner) => `(${filterSql(inner, context)})`).join(" OR ");
  if ("cohort" in filter) {
    const member = isMemberSql(filter.cohort, context);
    return filter.negate === true ? `NOT (${member})` : member;
  }
  if (filter.on === "user") return userFilterSql(filter, context);
  return propertyFilterSql(filter, propertyIn(context, filter.property), context.parameters);
}

/** The smallest table whose rows can answer all of these filters. */
export function tableOf(filters: readonly Filter[]): Extract<EventTable, "events" | "steps"> {
  return filters.some(looksAtEvents) ? "events" : "steps";
}

function looksAtEvents(filter: Filter): boolean {
  if ("or" in filter) return filter.or.some(looksAtEvents);
  if ("cohort" in filter || filter.on === "user") return false;
  return filter.property !== "$event";
}
