// How a trends query is answered: per series, from which tables, exactly or not.
import { planSlices, rollupsOfCounts, rollupsOfUsers, type RollupTable, type Slice } from "../plan-slices.ts";
import type { Period, TrendSeries, TrendsRequest } from "./request.ts";

export type SeriesPlan =
  /** Counts of events and users, added up over tables that hold no properties. */
  | { readonly kind: "slices"; readonly slices: readonly Slice[] }
  /** Everything that looks at a property: raw events. */
  | { readonly kind: "raw" };

/** `rollups` narrows what may be used; tests prove that every choice gives the same answer. */
export function planSeries(
  request: TrendsRequest,
  series: TrendSeries,
  period: Period,
  rollups?: readonly RollupTable[],
): SeriesPlan {
  if (series.property !== undefined || series.filters.length > 0 || request.breakdown !== undefined) {
    return { kind: "raw" };
  }
  const usable = series.math === "total" ? rollupsOfCounts : rollupsOfUsers;
  const allowed = rollups === undefined ? usable : usable.filter((table) => rollups.includes(table));
  return { kind: "slices", slices: planSlices(period, period.buckets.startsMs, allowed) };
}

export function sourcesOf(plan: SeriesPlan): string[] {
  return plan.kind === "raw" ? ["events"] : plan.slices.map((slice) => slice.table);
}
