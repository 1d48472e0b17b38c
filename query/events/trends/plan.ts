// How a trends query is answered: per series, from which tables, exactly or not.
import { areSets } from "../../people/person-set.ts";
import { tableOf } from "../../sql/filters.ts";
import { planSlices, rollupsOfCounts, rollupsOfUsers, type RollupTable, type Slice } from "../plan-slices.ts";
import type { Period, TrendSeries, TrendsRequest } from "./request.ts";

export type SeriesPlan =
  /** Counts of events and users, and users of cohorts, added up over tables that hold no properties. */
  | { readonly kind: "slices"; readonly slices: readonly Slice[] }
  /** Row by row: raw events where a property of theirs is asked for, else who did what when. */
  | { readonly kind: "rows"; readonly table: "events" | "steps" };

/** `rollups` narrows what may be used; tests prove that every choice gives the same answer. */
export function planSeries(
  request: TrendsRequest,
  series: TrendSeries,
  period: Period,
  rollups?: readonly RollupTable[],
): SeriesPlan {
  const { breakdown } = request;
  const valuesOfEvents = breakdown !== undefined && "property" in breakdown && breakdown.on === "event";
  if (series.property !== undefined || valuesOfEvents) return { kind: "rows", table: "events" };
  // Sets of users are kept, so uniques of cohorts are sets cut by sets; events are not kept by user.
  const fromSets = series.math === "unique_users" && areSets(series.filters);
  if (breakdown !== undefined || (series.filters.length > 0 && !fromSets)) {
    return { kind: "rows", table: tableOf(series.filters) };
  }
  const usable = series.math === "total" ? rollupsOfCounts : rollupsOfUsers;
  const allowed = rollups === undefined ? usable : usable.filter((table) => rollups.includes(table));
  return { kind: "slices", slices: planSlices(period, period.buckets.startsMs, allowed) };
}

export function sourcesOf(plan: SeriesPlan): string[] {
  return plan.kind === "rows" ? [plan.table] : plan.slices.map((slice) => slice.table);
}
