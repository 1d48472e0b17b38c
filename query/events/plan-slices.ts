// Which tables answer a count of events or users over a range: whole days from the day rollup, whole hours from
// the hour rollup, whole minutes (counts only) from the minute rollup, what is left from steps. Adding up counts
// and joining sets of users over the slices is exact, whatever the mix.
import type { EventTable, KeptTable } from "../sql/scope.ts";
import { planByGranules } from "../time/plan-granules.ts";

export interface Slice<Table = EventTable> {
  readonly table: Table;
  readonly fromMs: number;
  /** First instant after the slice. */
  readonly endMs: number;
}

export type RollupTable = "rollup_day" | "rollup_hour" | "rollup_minute";

const granuleMs = {
  rollup_day: 86_400_000,
  rollup_hour: 3_600_000,
  rollup_minute: 60_000,
  partial_day: 86_400_000,
  partial_hour: 3_600_000,
} as const satisfies Record<RollupTable | KeptTable, number>;

/** Coarsest first. Sets of users are kept per day and hour only. */
export const rollupsOfCounts: readonly RollupTable[] = ["rollup_day", "rollup_hour", "rollup_minute"];
export const rollupsOfUsers: readonly RollupTable[] = ["rollup_day", "rollup_hour"];

/**
 * Covers [fromMs, endMs) without gap or overlap. A rollup is used where every boundary inside it is one of its
 * own: `boundsMs` are the starts of buckets, ascending.
 */
export function planSlices<Table extends RollupTable | KeptTable>(
  range: { readonly fromMs: number; readonly endMs: number },
  boundsMs: readonly number[],
  rollups: readonly Table[],
): Slice<Table | "steps">[] {
  const granules = rollups.map((table) => ({ table, ms: granuleMs[table] }));
  return planByGranules(range, boundsMs, granules, "steps");
}
