// GET /v1/live: what the query string asks for. Filters mean what they mean in queries; those that need the stores
// (cohorts, properties of people) are refused.
import { MillraceError } from "#schemas/errors.ts";
import { LiveParameters, type LiveFilter } from "#schemas/live/live-filter.ts";
import { compileCheck, invalidQuery, type FieldProblem } from "#schemas/query/check.ts";
import { filterValueProblems } from "#schemas/query/filter-values.ts";
import { Filters, type Filter } from "#schemas/query/filter.ts";
import { queryLimits } from "#schemas/query/limits.ts";

const checkParameters = compileCheck(LiveParameters);
const checkFilters = compileCheck(Filters);

/** Longer query strings are refused before they are taken apart. */
const queryLengthMax = 32_000;

export interface WantedListener {
  readonly want: LiveFilter | "counters";
  /** Empty when the address names none. */
  readonly key: string;
}

/** Throws INVALID_PARAMETER, INVALID_QUERY. */
export function readListener(query: string): WantedListener {
  if (query.length > queryLengthMax) throw new MillraceError("INVALID_PARAMETER");
  const given = new URLSearchParams(query);
  const parameters: Record<string, string | string[]> = {};
  for (const name of new Set(given.keys())) {
    const values = given.getAll(name);
    parameters[name] = values.length === 1 ? (values[0] as string) : values;
  }
  const { stream, event, user, filters, key } = checkParameters(parameters);
  if (stream === "counters") {
    if (event !== undefined || user !== undefined || filters !== undefined) {
      throw new MillraceError("INVALID_PARAMETER", {
        message: "The counters count every event: `event`, `user` and `filters` do not go with them.",
      });
    }
    return { want: "counters", key: key ?? "" };
  }
  const events = event === undefined ? [] : typeof event === "string" ? [event] : event;
  const want = { events, user: user ?? "", filters: filters === undefined ? [] : readFilters(filters) };
  return { want, key: key ?? "" };
}

function readFilters(text: string): Filter[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new MillraceError("INVALID_PARAMETER", { message: "`filters` is not valid JSON.", cause: error });
  }
  const filters = checkFilters(value);
  const problems: FieldProblem[] = [];
  let count = 0;
  const visit = (filter: Filter, path: string): void => {
    count += 1;
    if ("or" in filter) filter.or.forEach((inner, index) => visit(inner, `${path}.or[${index}]`));
    else if ("cohort" in filter) problems.push({ path, message: "cohorts cannot be listened to" });
    else if (filter.on === "user")
      problems.push({ path, message: "only properties of events are looked at" });
    else problems.push(...filterValueProblems(filter, path));
  };
  filters.forEach((filter, index) => visit(filter, `filters[${index}]`));
  if (count > queryLimits.filtersMax) {
    problems.unshift({
      path: "filters",
      message: `has ${count} filters; ${queryLimits.filtersMax} are allowed`,
    });
  }
  if (problems.length > 0) throw invalidQuery(problems.slice(0, 20));
  return filters;
}
