// Which raw events are looked at to say what properties there are: all of the range when they are few, otherwise
// the newest of each name, so that a rare event's properties are found beside a frequent one's. Counts of rollups
// tell how many there are before any row is read, and by what the counts found have to be multiplied.
import { rangeSql } from "../events/bucket-sql.ts";
import { planSlices, rollupsOfCounts } from "../events/plan-slices.ts";
import type { Parameters } from "../sql/parameters.ts";
import { Parameters as NewParameters } from "../sql/parameters.ts";
import { fromTable } from "../sql/scope.ts";
import type { QueryRun } from "../store/query-run.ts";

export interface RowsWanted {
  readonly fromMs: number;
  readonly endMs: number;
  /** Undefined: any event. */
  readonly event: string | undefined;
}

/** The newest events of one name, and how many each of them stands for. */
interface Newest {
  readonly event: string;
  readonly fromMs: number;
  readonly weight: number;
}

export interface RowsPlan {
  readonly wanted: RowsWanted;
  /** Undefined: every row of the range. */
  readonly newest: readonly Newest[] | undefined;
}

/** Said in `meta` when not every row is looked at. */
export const estimatedNote = "events: counts are estimated from the newest events of each name";

/** More names than this and the least frequent ones are left out, when not every row can be looked at. */
const namesMax = 200;

/** Plans to read about `rowsMax` rows: more by at most one hour of each name. */
export async function planRows(run: QueryRun, wanted: RowsWanted, rowsMax: number): Promise<RowsPlan> {
  const counts = await readCounts(run, wanted);
  const total = counts.reduce((sum, { count }) => sum + count, 0);
  if (total <= rowsMax) return { wanted, newest: undefined };
  const looked = counts.slice(0, namesMax);
  const share = shareOf(
    looked.map(({ count }) => count),
    rowsMax,
  );
  const cut = looked.filter(({ count }) => count > share);
  const cuts = await readCuts(
    run,
    wanted,
    cut.map(({ event }) => event),
    share,
  );
  const newest = looked.map(({ event, count }): Newest => {
    const at = cuts.get(event);
    return at === undefined
      ? { event, fromMs: wanted.fromMs, weight: 1 }
      : { event, fromMs: Math.max(wanted.fromMs, at.hourMs), weight: Math.max(1, count / at.rows) };
  });
  return { wanted, newest };
}

/** The share of each such that the sum of all, none more than it has, is at most `rowsMax`. Counts descend. */
export function shareOf(counts: readonly number[], rowsMax: number): number {
  let rest = rowsMax;
  for (let left = counts.length; left > 0; left -= 1) {
    const smallest = counts[left - 1] as number;
    if (smallest * left > rest) return Math.floor(rest / left);
    rest -= smallest;
  }
  return counts[0] ?? 0;
}

/** `FROM events WHERE …` of the plan's rows. */
export function rowsSql(plan: RowsPlan, parameters: Parameters, conditions: readonly string[] = []): string {
  const { wanted, newest } = plan;
  const range = rangeSql("events", wanted, parameters);
  const name = wanted.event === undefined ? [] : [`event = ${parameters.bind("String", wanted.event)}`];
  if (newest === undefined) return fromTable("events", [range, ...name, ...conditions]);
  const whole = newest.filter(({ fromMs }) => fromMs === wanted.fromMs).map(({ event }) => event);
  const parts = newest
    .filter(({ fromMs }) => fromMs !== wanted.fromMs)
    .map(({ event, fromMs }) => {
      const newer = rangeSql("events", { fromMs, endMs: wanted.endMs }, parameters);
      return `(event = ${parameters.bind("String", event)} AND ${newer})`;
    });
  if (whole.length > 0) parts.push(`event IN ${parameters.bind("Array(String)", whole)}`);
  return fromTable("events", [range, ...name, parts.join(" OR "), ...conditions]);
}

/** Float64: how many events a row of the plan stands for. */
export function weightSql(plan: RowsPlan, parameters: Parameters): string {
  const weighed = plan.newest?.filter(({ weight }) => weight !== 1) ?? [];
  if (weighed.length === 0) return "1.";
  const events = parameters.bind(
    "Array(String)",
    weighed.map(({ event }) => event),
  );
  const weights = parameters.bind(
    "Array(Float64)",
    weighed.map(({ weight }) => weight),
  );
  return `transform(toString(event), ${events}, ${weights}, 1.)`;
}

/** Events of each name in the range, most first. */
async function readCounts(run: QueryRun, wanted: RowsWanted): Promise<{ event: string; count: number }[]> {
  const parameters = new NewParameters();
  const slices = planSlices(wanted, [], rollupsOfCounts);
  const name = wanted.event === undefined ? [] : [`event = ${parameters.bind("String", wanted.event)}`];
  const parts = slices.map((slice) => {
    const count = slice.table === "steps" ? "count()" : "sum(events)";
    const from = fromTable(slice.table, [rangeSql(slice.table, slice, parameters), ...name]);
    return `SELECT toString(event) AS name, ${count} AS slice_events ${from} GROUP BY name`;
  });
  const sql = [
    `SELECT name, sum(slice_events) AS total FROM (\n${parts.join("\nUNION ALL\n")}\n)`,
    "GROUP BY name HAVING total > 0 ORDER BY total DESC, name",
  ].join("\n");
  const rows = await run.rows(
    { step: "events of each name", sources: slices.map(({ table }) => table) },
    { sql, parameters: parameters.values },
  );
  return rows.map(([event, count]) => ({ event: event as string, count: count as number }));
}

/** For each event the latest hour from which on there are at least `share` rows, and how many there are. */
async function readCuts(
  run: QueryRun,
  wanted: RowsWanted,
  events: readonly string[],
  share: number,
): Promise<Map<string, { hourMs: number; rows: number }>> {
  const parameters = new NewParameters();
  const hours = fromTable("rollup_hour", [
    rangeSql("rollup_hour", wanted, parameters),
    `event IN ${parameters.bind("Array(String)", events)}`,
  ]);
  const sql = [
    "SELECT name, max(hour), min(newer) FROM (",
    "SELECT name, hour, sum(hour_events) OVER (PARTITION BY name ORDER BY hour DESC) AS newer FROM (",
    `SELECT toString(event) AS name, toUnixTimestamp64Second(hour) AS hour, sum(events) AS hour_events ${hours}`,
    `GROUP BY name, hour)) WHERE newer >= ${parameters.bind("UInt64", share)} GROUP BY name`,
  ].join("\n");
  const rows = await run.rows(
    { step: "where the newest events begin", sources: ["rollup_hour"] },
    { sql, parameters: parameters.values },
  );
  return new Map(
    rows.map(([name, hour, count]) => [
      name as string,
      { hourMs: Number(hour) * 1000, rows: count as number },
    ]),
  );
}
