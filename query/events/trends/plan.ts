// How a trends query is answered: per series, from which tables, exactly or not.
import { tableOf } from "../../sql/filters.ts";
import { planSlices, rollupsOfCounts, rollupsOfUsers, type RollupTable, type Slice } from "../plan-slices.ts";
import type { Period, TrendSeries, TrendsRequest } from "./request.ts";

export type SeriesPlan =
  /** Counts of events and users, added up over tables that hold no properties. */
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
  if (series.property !== undefined || breakdown?.on === "event") return { kind: "rows", table: "events" };
  if (series.filters.length > 0 || breakdown !== undefined) {
    return { kind: "rows", table: tableOf(series.filters) };
  }
  const usable = series.math === "total" ? rollupsOfCounts : rollupsOfUsers;
  const allowed = rollups === undefined ? usable : usable.filter((table) => rollups.includes(table));
  return { kind: "slices", slices: planSlices(period, period.buckets.startsMs, allowed) };
}

export function sourcesOf(plan: SeriesPlan): string[] {
  return plan.kind === "rows" ? [plan.table] : plan.slices.map((slice) => slice.table);
}
