// Sets of people and their algebra over bitmaps. Filters that look at people alone (cohorts, properties of users) become
// such sets: a set of users from a rollup is then cut down to those who match, without looking at a single event.
import type { Filter } from "#schemas/query/filter.ts";
import type { SqlContext } from "../sql/context.ts";
import { cohortBitmapSql } from "./cohort-sql.ts";
import { matchingBitmapSql } from "./user-property.ts";

/** A set of persons, or everybody else. */
export interface PersonSet {
  readonly bitmap: string;
  readonly complement: boolean;
}

/** True when `cutBitmapSql` can apply all of them. */
export function areSets(filters: readonly Filter[]): boolean {
  return filters.every((filter) =>
    "or" in filter ? areSets(filter.or) : "cohort" in filter || filter.on === "user",
  );
}

/** The persons of a bitmap who match; `persons` holds persons, not user numbers. */
export function cutBitmapSql(persons: string, filters: readonly Filter[], context: SqlContext): string {
  if (filters.length === 0) return persons;
  const { bitmap, complement } = setOfFilters(filters, context);
  return complement ? `bitmapAndnot(${persons}, ${bitmap})` : `bitmapAnd(${persons}, ${bitmap})`;
}

/** Who passes all of them; at least one. */
export function setOfFilters(filters: readonly Filter[], context: SqlContext): PersonSet {
  return filters.map((filter) => setOf(filter, context)).reduce(intersect);
}

function setOf(filter: Filter, context: SqlContext): PersonSet {
  if ("or" in filter) {
    const sets = filter.or.map((inner) => setOf(inner, context));
    return not(sets.map(not).reduce(intersect));
  }
  if ("cohort" in filter) {
    return { bitmap: cohortBitmapSql(filter.cohort, context), complement: filter.negate === true };
  }
  if (filter.on !== "user") throw new Error("a filter that is no set of people reached the set algebra");
  return matchingBitmapSql(filter, context);
}

export function not({ bitmap, complement }: PersonSet): PersonSet {
  return { bitmap, complement: !complement };
}

/** Each operand appears once, so the text grows with the filters and not with their combinations. */
export function intersect(left: PersonSet, right: PersonSet): PersonSet {
  if (left.complement && right.complement) {
    return { bitmap: `bitmapOr(${left.bitmap}, ${right.bitmap})`, complement: true };
  }
  if (left.complement) return { bitmap: `bitmapAndnot(${right.bitmap}, ${left.bitmap})`, complement: false };
  const join = right.complement ? "bitmapAndnot" : "bitmapAnd";
  return { bitmap: `${join}(${left.bitmap}, ${right.bitmap})`, complement: false };
}
