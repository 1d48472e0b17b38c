// Which selectors would answer a query that is asked again and again: those of its parts that no rollup answers.
import type { Filter } from "../query/filter.ts";
import type { EventSelection } from "../query/event-selection.ts";
import type { LifecycleQuery } from "../query/lifecycle.ts";
import type { RetentionQuery } from "../query/retention.ts";
import type { StickinessQuery } from "../query/stickiness.ts";
import { isSessionEvent } from "../query/sessions.ts";
import { propertyMaths, type TrendMath, type TrendsQuery } from "../query/trends.ts";
import { hashSelector, looksAtEventsOnly, type SelectorDefinition } from "./selector.ts";

/** Maths whose parts can be added up; quantiles cannot. */
const addable: ReadonlySet<TrendMath> = new Set([
  "total",
  "unique_users",
  "per_user",
  "sum",
  "avg",
  "min",
  "max",
]);

export type QueryKindName = "trends" | "funnel" | "retention" | "stickiness" | "lifecycle" | "paths";

/** `query` is a checked one of its kind. Every definition once; none where rollups or steps answer already. */
export function selectorsOf(kind: QueryKindName, query: unknown): SelectorDefinition[] {
  const all = candidatesOf(kind, query).filter(isWorthKeeping);
  return [...new Map(all.map((definition) => [hashSelector(definition), definition])).values()];
}

function candidatesOf(kind: QueryKindName, query: unknown): SelectorDefinition[] {
  switch (kind) {
    case "trends":
      return ofTrends(query as TrendsQuery);
    case "retention": {
      const { target, returning, filters, min_occurrences: occurrences } = query as RetentionQuery;
      const selections = returning === undefined || (occurrences ?? 1) > 1 ? [target] : [target, returning];
      return selections.flatMap((selection) => ofSets(selection, filters));
    }
    case "stickiness": {
      const { event, series, filters } = query as StickinessQuery;
      return (series ?? [{ event: event ?? null }]).flatMap((each) => ofSets(each, filters));
    }
    case "lifecycle": {
      const { event, filters } = query as LifecycleQuery;
      return ofSets({ event: event ?? null }, filters);
    }
    // They need every single event.
    case "funnel":
    case "paths":
      return [];
  }
}

function ofTrends(query: TrendsQuery): SelectorDefinition[] {
  const { breakdown } = query;
  if (breakdown !== undefined && ("cohorts" in breakdown || breakdown.on === "user")) return [];
  return query.series.flatMap((series): SelectorDefinition[] => {
    const math = series.math ?? "total";
    const split = splitFilters([...(query.filters ?? []), ...(series.filters ?? [])]);
    if (!addable.has(math) || split === undefined) return [];
    if (split.ofPeople.length > 0 && math !== "unique_users") return [];
    return [
      {
        event: series.event ?? null,
        filters: split.ofEvents,
        ...(breakdown === undefined ? {} : { breakdown: breakdown.property }),
        ...(propertyMaths.has(math) && series.property !== undefined ? { number: series.property } : {}),
      },
    ];
  });
}

function ofSets(selection: EventSelection, filters: readonly Filter[] = []): SelectorDefinition[] {
  const split = splitFilters([...filters, ...(selection.filters ?? [])]);
  return split === undefined ? [] : [{ event: selection.event ?? null, filters: split.ofEvents }];
}

function isWorthKeeping({ event, filters, breakdown, number }: SelectorDefinition): boolean {
  // Sessions are made of all events when somebody asks: nothing of them is counted by day.
  if (isSessionEvent(event)) return false;
  return filters.length > 0 || breakdown !== undefined || number !== undefined;
}

/**
 * Conditions on events, which a selector can hold, and on people, which cut its sets of users afterwards; undefined
 * when one filter asks about both.
 */
export function splitFilters(
  filters: readonly Filter[],
): { readonly ofEvents: readonly Filter[]; readonly ofPeople: readonly Filter[] } | undefined {
  const ofEvents = filters.filter(looksAtEventsOnly);
  const ofPeople = filters.filter((filter) => !looksAtEventsOnly(filter));
  return ofPeople.every(isOfPeople) ? { ofEvents, ofPeople } : undefined;
}

function isOfPeople(filter: Filter): boolean {
  return "or" in filter ? filter.or.every(isOfPeople) : "cohort" in filter || filter.on === "user";
}
