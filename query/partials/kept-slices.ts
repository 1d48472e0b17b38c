// A range cut into what is kept of a selector, by day and by hour, and the rest, which is read from rows.
import type { SqlContext } from "../sql/context.ts";
import type { Buckets } from "../time/buckets.ts";
import { bucketSql, rangeSql } from "../events/bucket-sql.ts";
import { eventConditions, type EventSelector } from "../events/event-conditions.ts";
import { planSlices, type Slice } from "../events/plan-slices.ts";
import { fromTable, type EventTable, type KeptTable } from "../sql/scope.ts";
import { dayMs, type KeptDays } from "./kept-days.ts";

type RowsTable = Extract<EventTable, "events" | "steps">;

interface Range {
  readonly fromMs: number;
  /** First instant after the range. */
  readonly endMs: number;
}

/** All ranges that one table answers. */
export interface KeptSlice {
  readonly table: KeptTable | RowsTable;
  readonly ranges: readonly Range[];
}

export interface KeptPlan {
  readonly kept: KeptDays;
  readonly slices: readonly KeptSlice[];
}

/** More pieces than this and the shortest kept ones are read from rows: each is a range of its own in the statement. */
const keptRunsMax = 200;
const keptTables: readonly KeptTable[] = ["partial_day", "partial_hour"];

/** Undefined when nothing of the range is kept. `boundsMs`: starts of buckets, ascending. */
export function planKept(
  range: Range,
  boundsMs: readonly number[],
  kept: KeptDays,
  rowsTable: RowsTable,
): KeptPlan | undefined {
  const ranges = new Map<KeptSlice["table"], Range[]>();
  const add = (table: KeptSlice["table"], { fromMs, endMs }: Range): void => {
    if (fromMs >= endMs) return;
    const list = ranges.get(table) ?? [];
    ranges.set(table, list);
    const last = list.at(-1);
    if (last?.endMs === fromMs) list[list.length - 1] = { fromMs: last.fromMs, endMs };
    else list.push({ fromMs, endMs });
  };
  let atMs = range.fromMs;
  for (const run of longest(runsOf(range, kept))) {
    add(rowsTable, { fromMs: atMs, endMs: run.fromMs });
    const pieces: Slice<KeptTable | "steps">[] = planSlices(run, boundsMs, keptTables);
    for (const piece of pieces) add(piece.table === "steps" ? rowsTable : piece.table, piece);
    atMs = run.endMs;
  }
  add(rowsTable, { fromMs: atMs, endMs: range.endMs });
  if (!keptTables.some((table) => ranges.has(table))) return undefined;
  return { kept, slices: [...ranges].map(([table, list]) => ({ table, ranges: list })) };
}

/** `FROM … WHERE …` of a slice; `selector` without the conditions on people that sets are cut by. */
export function fromSlice(
  { table, ranges }: KeptSlice,
  kept: KeptDays,
  selector: EventSelector,
  context: SqlContext,
): string {
  const inRanges = ranges.map((range) => `(${rangeSql(table, range, context.parameters)})`).join(" OR ");
  return fromTable(table, [
    inRanges,
    ...(isKept(table) ? kept.conditions(context) : eventConditions(selector, context)),
  ]);
}

export function isKept(table: KeptSlice["table"]): table is KeptTable {
  return table === "partial_day" || table === "partial_hour";
}

export function sliceBucketSql({ table }: KeptSlice, buckets: Buckets, context: SqlContext): string {
  return bucketSql(table, buckets, context.parameters);
}

/** Longest stretches of kept days within the range, in order. */
function runsOf(range: Range, kept: KeptDays): Range[] {
  const runs: Range[] = [];
  const endDay = Math.ceil(range.endMs / dayMs);
  for (let day = Math.floor(range.fromMs / dayMs); day < endDay; day += 1) {
    if (!kept.has(day)) continue;
    const fromMs = Math.max(day * dayMs, range.fromMs);
    const endMs = Math.min((day + 1) * dayMs, range.endMs);
    const last = runs.at(-1);
    if (last?.endMs === fromMs) runs[runs.length - 1] = { fromMs: last.fromMs, endMs };
    else runs.push({ fromMs, endMs });
  }
  return runs;
}

function longest(runs: readonly Range[]): readonly Range[] {
  if (runs.length <= keptRunsMax) return runs;
  const length = ({ fromMs, endMs }: Range): number => endMs - fromMs;
  return [...runs]
    .sort((left, right) => length(right) - length(left))
    .slice(0, keptRunsMax)
    .sort((left, right) => left.fromMs - right.fromMs);
}
