// The statements of a link's statistics. Whole days (UTC) come from the tables of days, the rest from quarters of an
// hour. Counts by value and by interval come from one statement over one table: each table is read once, as it was at
// one moment, so they agree with each other even while clicks are being stored.
import type { LinkTable } from "../sql/scope.ts";
import { bucketOfColumn } from "../sql/bucket-numbers.ts";
import { Parameters } from "../sql/parameters.ts";
import { fromTable } from "../sql/scope.ts";
import type { Statement } from "../store/run-statement.ts";
import { planByGranules } from "../time/plan-granules.ts";
import type { Buckets } from "../time/buckets.ts";

/** Every click has one value of it: its clicks by interval are all clicks by interval. */
const dimensionOfSeries = "device";
const dayMs = 86_400_000;
const timeColumns = {
  link_clicks_quarter: "quarter",
  link_values_quarter: "quarter",
  link_clicks_day: "day",
  link_values_day: "day",
} as const satisfies Record<LinkTable, string>;

export interface StatsRange {
  readonly fromMs: number;
  /** First instant after the range. */
  readonly endMs: number;
  readonly buckets: Buckets;
}

/** Columns: first and last day with anything, in seconds; nulls when there is none. */
export function compileExtent(linkId: string): Statement {
  const parameters = new Parameters();
  const conditions = [`link_id = ${parameters.bind("String", linkId)}`];
  const sql = [
    "SELECT minOrNull(seconds), maxOrNull(seconds)",
    // Counts of somebody who was erased were taken back: what they leave is no click.
    "FROM (SELECT toUnixTimestamp64Second(day) AS seconds, sum(clicks + bots + previews) AS total",
    fromTable("link_clicks_day", conditions),
    "GROUP BY day HAVING total > 0)",
  ].join("\n");
  return { sql, parameters: parameters.values };
}

/**
 * Columns: dimension, value, bucket, clicks. A row for each of the most frequent values of each dimension (bucket is
 * null), and one for each bucket (value is null).
 */
export function compileValues(linkId: string, range: StatsRange, valuesMax: number): Statement {
  const parameters = new Parameters();
  const series = parameters.bind("String", dimensionOfSeries);
  parameters.noteRead({ isRaw: false, fromMs: range.fromMs, endMs: range.endMs });
  const rows = slicesOf(range, "link_values_day", "link_values_quarter").map((slice) => {
    // Of the others only what they sum up to is asked for: a group for each value, not for each value and bucket.
    const bucket = `if(dimension = ${series}, ${bucketOfColumn(timeColumns[slice.table], range.buckets, parameters)}, 0)`;
    return [
      `SELECT toString(dimension) AS kind, value AS text, ${bucket} AS at, sum(clicks) AS slice_clicks`,
      fromTable(slice.table, conditionsOf(linkId, slice, parameters)),
      "GROUP BY kind, text, at",
    ].join("\n");
  });
  const sql = [
    "SELECT kind, if(grouping(text) = 0, text, NULL), if(grouping(at) = 0, at, NULL), sum(slice_clicks) AS total",
    `FROM (\n${rows.join("\nUNION ALL\n")}\n)`,
    "GROUP BY GROUPING SETS ((kind, text), (kind, at))",
    `HAVING (grouping(at) = 1 OR kind = ${series}) AND total > 0`,
    "ORDER BY kind, grouping(at), total DESC, text",
    // All buckets, but of values only the first: they stand apart in the order.
    `LIMIT ${parameters.bind("UInt32", valuesMax)} BY kind, grouping(at), if(grouping(at) = 0, at, 0)`,
  ].join("\n");
  return { sql, parameters: parameters.values };
}

/** Columns: bucket (null: the whole range), bots, previews, visitors, last click in milliseconds. */
export function compileVisitors(linkId: string, range: StatsRange): Statement {
  const parameters = new Parameters();
  parameters.noteRead({ isRaw: false, fromMs: range.fromMs, endMs: range.endMs });
  const rows = slicesOf(range, "link_clicks_day", "link_clicks_quarter").map((slice) => {
    const bucket = bucketOfColumn(timeColumns[slice.table], range.buckets, parameters);
    return [
      `SELECT ${bucket} AS at, sum(bots) AS slice_bots, sum(previews) AS slice_previews,`,
      "max(last_clicked_at) AS slice_last, groupBitmapMergeState(users) AS slice_users",
      fromTable(slice.table, conditionsOf(linkId, slice, parameters)),
      "GROUP BY at",
    ].join("\n");
  });
  const sql = [
    "SELECT if(grouping(at) = 0, at, NULL), sum(slice_bots), sum(slice_previews), groupBitmapMerge(slice_users),",
    "toUnixTimestamp64Milli(max(slice_last))",
    `FROM (\n${rows.join("\nUNION ALL\n")}\n)`,
    "GROUP BY GROUPING SETS ((at), ())",
  ].join("\n");
  return { sql, parameters: parameters.values };
}

interface LinkSlice {
  readonly table: LinkTable;
  readonly fromMs: number;
  readonly endMs: number;
}

function slicesOf(range: StatsRange, days: LinkTable, quarters: LinkTable): LinkSlice[] {
  return planByGranules(range, range.buckets.startsMs, [{ table: days, ms: dayMs }], quarters);
}

function conditionsOf(linkId: string, slice: LinkSlice, parameters: Parameters): string[] {
  const column = timeColumns[slice.table];
  const from = parameters.bind("Int64", slice.fromMs / 1000);
  const end = parameters.bind("Int64", slice.endMs / 1000);
  return [
    `link_id = ${parameters.bind("String", linkId)}`,
    `${column} >= fromUnixTimestamp64Second(${from}, 'UTC') AND ${column} < fromUnixTimestamp64Second(${end}, 'UTC')`,
  ];
}
