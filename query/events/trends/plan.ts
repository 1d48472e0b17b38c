// How a trends query is answered: per series, from which tables, exactly or not.
import type { Filter } from "#schemas/query/filter.ts";
import { isSessionEvent } from "#schemas/query/sessions.ts";
import type { TrendMath } from "#schemas/query/trends.ts";
import { splitFilters } from "#schemas/selectors/selectors-of.ts";
import type { Wanted } from "../../partials/find-cover.ts";
import { planKept, type KeptPlan } from "../../partials/kept-slices.ts";
import type { Shortcuts } from "../../partials/shortcuts.ts";
import { areSets } from "../../people/person-set.ts";
import { tableOf } from "../../sql/filters.ts";
import { planSlices, rollupsOfCounts, rollupsOfUsers, type Slice } from "../plan-slices.ts";
import { isQuantile } from "./aggregate-sql.ts";
import type { Period, TrendSeries, TrendsRequest } from "./request.ts";

/** Maths that can be added up from parts; quantiles cannot. */
type AddableMath = Exclude<TrendMath, "median" | "p75" | "p90" | "p95" | "p99">;

/** A series that can be added up from parts: what asks about events, and what cuts sets of people afterwards. */
export interface KeptSeries extends TrendSeries {
  readonly math: AddableMath;
  readonly ofEvents: readonly Filter[];
  readonly ofPeople: readonly Filter[];
}

export type SeriesPlan =
  /** Counts of events and users, and users of cohorts, added up over tables that hold no properties. */
  | { readonly kind: "slices"; readonly slices: readonly Slice[] }
  /** From what is kept of a selector, where that is valid. */
  | { readonly kind: "kept"; readonly series: KeptSeries; readonly plan: KeptPlan }
  /** Row by row: raw events where a property of theirs is asked for, else who did what when. */
  | { readonly kind: "rows"; readonly table: "events" | "steps" };

export function planSeries(
  request: TrendsRequest,
  series: TrendSeries,
  period: Period,
  { rollups, partials }: Shortcuts,
): SeriesPlan {
  const { breakdown } = request;
  if (isSessionEvent(series.event)) return { kind: "rows", table: "events" };
  const kept = keptSeriesOf(request, series);
  if (kept !== undefined && partials !== undefined) {
    const days = partials.find(wantedOf(request, kept));
    const readsProperties = breakdown !== undefined || series.property !== undefined;
    const table = readsProperties ? "events" : tableOf(kept.ofEvents);
    const plan = days === undefined ? undefined : planKept(period, period.buckets.startsMs, days, table);
    if (plan !== undefined) return { kind: "kept", series: kept, plan };
  }
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

/** What the query would take from selectors, if somebody had them kept. */
export function wantedOfTrends(request: TrendsRequest): Wanted[] {
  return request.series.flatMap((series) => {
    const kept = keptSeriesOf(request, series);
    return kept === undefined ? [] : [wantedOf(request, kept)];
  });
}

/** Undefined: the series needs every row. */
function keptSeriesOf({ breakdown }: TrendsRequest, series: TrendSeries): KeptSeries | undefined {
  if (isSessionEvent(series.event)) return undefined;
  if (breakdown !== undefined && ("cohorts" in breakdown || breakdown.on === "user")) return undefined;
  const split = splitFilters(series.filters);
  if (isQuantile(series.math) || split === undefined) return undefined;
  // Sets of users can be cut by cohorts, counts cannot.
  if (split.ofPeople.length > 0 && series.math !== "unique_users") return undefined;
  return { ...series, math: series.math as AddableMath, ...split };
}

function wantedOf({ breakdown }: TrendsRequest, series: KeptSeries): Wanted {
  return {
    event: series.event,
    filters: series.ofEvents,
    breakdown: breakdown !== undefined && "property" in breakdown ? breakdown.property : undefined,
    number: series.property,
    users: series.math === "unique_users" || series.math === "per_user",
  };
}

export function sourcesOf(plan: SeriesPlan): string[] {
  if (plan.kind === "rows") return [plan.table];
  return (plan.kind === "kept" ? plan.plan.slices : plan.slices).map((slice) => slice.table);
}
