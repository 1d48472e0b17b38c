// Which registered selector can answer for the events that a query wants, and what is left to check of its filters.
import type { Filter } from "#schemas/query/filter.ts";
import { canonicalFilter, type SelectorDefinition } from "#schemas/selectors/selector.ts";
import { comparisonNumber } from "../sql/property-filter.ts";

/** What a part of a query looks at; people are cut out of its sets afterwards. */
export interface Wanted {
  readonly event: string | null;
  /** Conditions on events only. */
  readonly filters: readonly Filter[];
  readonly breakdown?: string | undefined;
  readonly number?: string | undefined;
  readonly users: boolean;
}

export interface RegisteredSelector {
  readonly id: number;
  readonly definition: SelectorDefinition;
}

export interface Cover {
  readonly selectorId: number;
  /** Conditions on the text of the selector's values. */
  readonly rest: readonly Filter[];
}

/** The one that keeps the least beyond what is wanted; undefined when rows have to answer. */
export function findCover(wanted: Wanted, registered: readonly RegisteredSelector[]): Cover | undefined {
  let best: { cover: Cover; excess: number } | undefined;
  const filters = new Map(wanted.filters.map((filter) => [canonicalFilter(filter), filter]));
  for (const { id, definition } of registered) {
    const rest = restOf(definition, wanted, filters);
    if (rest === undefined) continue;
    const excess =
      Number(definition.breakdown !== wanted.breakdown) * 2 + Number(definition.event !== wanted.event);
    if (best === undefined || excess < best.excess)
      best = { cover: { selectorId: id, rest: [...rest] }, excess };
  }
  return best?.cover;
}

function restOf(
  definition: SelectorDefinition,
  wanted: Wanted,
  filters: ReadonlyMap<string, Filter>,
): readonly Filter[] | undefined {
  const { event, breakdown, number } = definition;
  if (event !== null && event !== wanted.event) return undefined;
  if (wanted.breakdown !== undefined && breakdown !== wanted.breakdown) return undefined;
  if (wanted.number === undefined ? wanted.users && number !== undefined : number !== wanted.number) {
    return undefined;
  }
  const rest = new Map(filters);
  for (const filter of definition.filters) {
    if (!rest.delete(canonicalFilter(filter))) return undefined;
  }
  return [...rest.values()].every((filter) => breakdown !== undefined && asksForText(filter, breakdown))
    ? [...rest.values()]
    : undefined;
}

/** True when the text of the property's value decides: what is kept of a value is its text. */
export function asksForText(filter: Filter, property: string): boolean {
  if ("or" in filter) return filter.or.every((inner) => asksForText(inner, property));
  if ("cohort" in filter || filter.on === "user" || filter.property !== property) return false;
  switch (filter.operator) {
    case "eq":
    case "neq":
    case "in":
    case "not_in": {
      const values = Array.isArray(filter.value) ? filter.value : [filter.value];
      return values.every((value) => typeof value === "string");
    }
    case "contains":
    case "not_contains":
    case "starts_with":
      return true;
    case "gt":
    case "gte":
    case "lt":
    case "lte":
      return typeof filter.value === "string" && comparisonNumber(filter.value) === undefined;
    case "is_set":
    case "is_not_set":
      // An object is set and has no text.
      return false;
  }
}
