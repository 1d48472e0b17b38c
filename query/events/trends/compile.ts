// One series over one period as SQL. Every statement answers all buckets and, through ROLLUP, the whole range,
// merged from the same aggregation states: the union of users, the quantile over all values.
import { filtersSql } from "../../sql/filters.ts";
import { Parameters } from "../../sql/parameters.ts";
import { propertySql } from "../../sql/property.ts";
import { fromTable } from "../../sql/scope.ts";
import { bucketSql, rangeSql } from "../bucket-sql.ts";
import type { Slice } from "../plan-slices.ts";
import { aggregateSql } from "./aggregate-sql.ts";
import type { Period, TrendSeries } from "./request.ts";

export interface Statement {
  readonly sql: string;
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** Rank of every value beyond the limit. Ranks of the others count from 1. */
export const otherRank = 0;

/** Columns: rank, 1 when over all ranks, bucket, 1 when over all buckets, value. */
export function compileRaw(options: {
  series: TrendSeries;
  period: Period;
  exact: boolean;
  breakdown?: { property: string; top: readonly (string | null)[] };
}): Statement {
  const { series, period, breakdown } = options;
  const parameters = new Parameters();
  const keys = breakdown === undefined ? ["bucket"] : ["rank", "bucket"];
  const rank =
    breakdown === undefined
      ? "toUInt16(1) AS rank, 0 AS all_ranks"
      : `${rankSql(breakdown.property, breakdown.top, parameters)} AS rank, grouping(rank) AS all_ranks`;
  const bucket = `${bucketSql("events", period.buckets, parameters)} AS bucket, grouping(bucket) AS all_buckets`;
  const sql = [
    `SELECT ${rank}, ${bucket}, ${aggregateSql(series.math, series.property, options.exact)} AS value`,
    fromTable("events", rowConditions(series, period, parameters)),
    `GROUP BY ROLLUP(${keys.join(", ")})`,
  ].join("\n");
  return { sql, parameters: parameters.values };
}

/** The values with the highest totals. Columns: value or null for events without the property, total. */
export function compileTop(options: {
  series: TrendSeries;
  period: Period;
  exact: boolean;
  breakdown: { property: string; limit: number };
}): Statement {
  const { series, period, breakdown } = options;
  const parameters = new Parameters();
  const sql = [
    `SELECT ${propertySql(breakdown.property).text} AS text, ${aggregateSql(series.math, series.property, options.exact)} AS total`,
    fromTable("events", rowConditions(series, period, parameters)),
    "GROUP BY text ORDER BY total DESC NULLS LAST, text ASC NULLS LAST",
    `LIMIT ${parameters.bind("UInt32", breakdown.limit)}`,
  ].join("\n");
  return { sql, parameters: parameters.values };
}

/** Counts of events and users without filters, from any mix of tables. Same columns as `compileRaw`. */
export function compileSlices(series: TrendSeries, period: Period, slices: readonly Slice[]): Statement {
  const parameters = new Parameters();
  const users = series.math !== "total";
  const parts = slices.map((slice) => {
    const conditions = [rangeSql(slice.table, slice, parameters), ...eventConditions(series, parameters)];
    const columns = [
      `${bucketSql(slice.table, period.buckets, parameters)} AS slice_bucket`,
      countsSql(slice, users),
    ];
    return `SELECT ${columns.join(", ")}\n${fromTable(slice.table, conditions)}\nGROUP BY slice_bucket`;
  });
  const value = {
    total: "sum(slice_events)",
    unique_users: "groupBitmapMerge(slice_users)",
    per_user: "sum(slice_events) / groupBitmapMerge(slice_users)",
  }[series.math as "total" | "unique_users" | "per_user"];
  const sql = [
    `SELECT toUInt16(1) AS rank, 0 AS all_ranks, slice_bucket AS bucket, grouping(bucket) AS all_buckets, ${value} AS value`,
    `FROM (\n${parts.join("\nUNION ALL\n")}\n)`,
    "GROUP BY ROLLUP(bucket)",
  ].join("\n");
  return { sql, parameters: parameters.values };
}

function countsSql(slice: Slice, users: boolean): string {
  const rollup = slice.table !== "steps";
  const events = `${rollup ? "sum(events)" : "count()"} AS slice_events`;
  if (!users) return events;
  return `${events}, ${rollup ? "groupBitmapMergeState(users)" : "groupBitmapState(user_number)"} AS slice_users`;
}

function eventConditions(series: TrendSeries, parameters: Parameters): string[] {
  return series.event === null ? [] : [`event = ${parameters.bind("String", series.event)}`];
}

function rowConditions(series: TrendSeries, period: Period, parameters: Parameters): string[] {
  return [
    ...eventConditions(series, parameters),
    rangeSql("events", period, parameters),
    ...(series.filters.length === 0 ? [] : [filtersSql(series.filters, parameters)]),
  ];
}

function rankSql(property: string, top: readonly (string | null)[], parameters: Parameters): string {
  const text = propertySql(property).text;
  const named = top.flatMap((value, index) => (value === null ? [] : [{ value, rank: index + 1 }]));
  const noneRank = top.indexOf(null) + 1 || otherRank;
  const known =
    named.length === 0
      ? `toUInt16(${otherRank})`
      : `transform(assumeNotNull(${text}), ${parameters.bind(
          "Array(String)",
          named.map((each) => each.value),
        )}, ` +
        `${parameters.bind(
          "Array(UInt16)",
          named.map((each) => each.rank),
        )}, toUInt16(${otherRank}))`;
  return `if(isNull(${text}), toUInt16(${noneRank}), ${known})`;
}
