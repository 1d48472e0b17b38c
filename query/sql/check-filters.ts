// What a filter's shape cannot say: does the value fit the operator, is what it needs there yet, is it too much?
import { invalidQuery, type FieldProblem } from "#schemas/query/check.ts";
import { filterValueProblems } from "#schemas/query/filter-values.ts";
import type { Filter } from "#schemas/query/filter.ts";
import { queryLimits } from "#schemas/query/limits.ts";
import type { CohortUse } from "../people/people.ts";
import { isPropertyName } from "./property.ts";

/**
 * Throws INVALID_QUERY that names every wrong filter, and answers the cohorts that they use. `lists` are all filter
 * lists of a query, with their paths.
 */
export function checkFilters(
  lists: readonly { path: string; filters: readonly Filter[] | undefined }[],
): CohortUse[] {
  const problems: FieldProblem[] = [];
  const cohortsUsed: CohortUse[] = [];
  let count = 0;
  const visit = (filter: Filter, path: string, depth: number): void => {
    count += 1;
    if (depth > queryLimits.filterDepthMax) {
      problems.push({ path, message: `is nested deeper than ${queryLimits.filterDepthMax} levels` });
      return;
    }
    if ("or" in filter) {
      filter.or.forEach((inner, index) => visit(inner, `${path}.or[${index}]`, depth + 1));
    } else if ("cohort" in filter) {
      cohortsUsed.push({ id: filter.cohort, path: `${path}.cohort` });
    } else {
      problems.push(...checkProperty(filter.property, filter.on, path), ...filterValueProblems(filter, path));
    }
  };
  for (const { path, filters } of lists) {
    (filters ?? []).forEach((filter, index) => visit(filter, `${path}[${index}]`, 1));
  }
  if (count > queryLimits.filtersMax) {
    problems.unshift({
      path: lists[0]?.path ?? "filters",
      message: `has ${count} filters with those inside; ${queryLimits.filtersMax} are allowed in a query`,
    });
  }
  if (problems.length > 0) throw invalidQuery(problems.slice(0, 20));
  return cohortsUsed;
}

/** Problems of a property that a filter, a math or a breakdown names. */
export function checkProperty(name: string, on: "event" | "user" | undefined, path: string): FieldProblem[] {
  // The names of user properties are values to the store, never paths.
  if (on !== "user" && !isPropertyName(name)) {
    return [{ path: `${path}.property`, message: "must not begin with ^` or contain .:`" }];
  }
  return [];
}
