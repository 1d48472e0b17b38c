// Does the value of a filter fit its operator: what the filter's shape cannot say.
import type { FieldProblem } from "./check.ts";
import type { PropertyFilter } from "./filter.ts";

export function filterValueProblems(filter: PropertyFilter, path: string): FieldProblem[] {
  const { operator, value } = filter;
  // A value that is there means nothing: clients send "" or null objects along.
  if (operator === "is_set" || operator === "is_not_set") return [];
  const wrong = (message: string): FieldProblem[] => [{ path: `${path}.value`, message }];
  const list = Array.isArray(value);
  if (value === undefined) return wrong(`is required for ${operator}`);
  if (operator === "in" || operator === "not_in") return list ? [] : wrong(`must be a list for ${operator}`);
  if (list) return wrong(`must not be a list for ${operator}`);
  if (["gt", "gte", "lt", "lte"].includes(operator) && typeof value === "boolean") {
    return wrong(`must be a number or a string for ${operator}`);
  }
  return [];
}
