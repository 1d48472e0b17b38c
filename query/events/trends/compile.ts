// One series over one period as SQL. Every statement answers all buckets and, through ROLLUP, the whole range,
// merged from the same aggregation states: the union of users, the quantile over all values.
import { isMemberSql } from "../../people/cohort-sql.ts";
import type { People } from "../../people/people.ts";
import { cutBitmapSql } from "../../people/person-set.ts";
import { personsOfSql, personSql } from "../../people/person-sql.ts";
import type { SqlContext } from "../../sql/context.ts";
import { Parameters } from "../../sql/parameters.ts";
import { fromTable, rollupTable, type EventTable } from "../../sql/scope.ts";
import { valueRankSql } from "../../sql/value-rank.ts";
import { valueTextSql, type ValueSource } from "../../sql/value-text.ts";
import type { Statement } from "../../store/run-statement.ts";
import { bucketSql, rangeSql } from "../bucket-sql.ts";
import { eventConditions } from "../event-conditions.ts";
import type { Slice } from "../plan-slices.ts";
import { selectRows, type SelectedRows } from "../selected-rows.ts";
import { aggregateSql } from "./aggregate-sql.ts";
import type { Period, TrendSeries } from "./request.ts";

/** Into which lines rows are put; ranks count them from 1. */
export type LineSource =
  | { readonly values: ValueSource; readonly top: readonly (string | null)[] }
  | { readonly cohorts: readonly string[] };

interface SeriesOptions {
  readonly series: TrendSeries;
  readonly period: Period;
  readonly people: People;
  readonly exact: boolean;
  readonly table: Extract<EventTable, "events" | "steps">;
}

function rowsOf({ series, period, people, table }: SeriesOptions): SelectedRows {
  return selectRows(series, table, period, { parameters: new Parameters(), people });
}

/** Columns: rank, 1 when over all ranks, bucket, 1 when over all buckets, value. */
export function compileRows(options: SeriesOptions & { breakdown?: LineSource }): Statement {
  const { series, period, breakdown, table } = options;
  const rows = rowsOf(options);
  const { context } = rows;
  const keys = breakdown === undefined ? ["bucket"] : ["rank", "bucket"];
  const rank =
    breakdown === undefined
      ? "toUInt16(1) AS rank, 0 AS all_ranks"
      : `${rankSql(breakdown, context)} AS rank, grouping(rank) AS all_ranks`;
  const bucket = `${bucketSql(table, period.buckets, context.parameters)} AS bucket, grouping(bucket) AS all_buckets`;
  const sql = [
    `SELECT ${rank}, ${bucket}, ${aggregateSql(series, options.exact, context)} AS value`,
    rows.from(),
    `GROUP BY ROLLUP(${keys.join(", ")})`,
  ].join("\n");
  return { sql, parameters: context.parameters.values };
}

/** The values with the highest totals. Columns: value or null where there is none, total. */
export function compileTop(options: SeriesOptions & { source: ValueSource; limit: number }): Statement {
  const { series } = options;
  const rows = rowsOf(options);
  const { context } = rows;
  const sql = [
    `SELECT ${valueTextSql(options.source, context)} AS value_text, ${aggregateSql(series, options.exact, context)} AS total`,
    rows.from(),
    "GROUP BY value_text ORDER BY total DESC NULLS LAST, value_text ASC NULLS LAST",
    `LIMIT ${context.parameters.bind("UInt32", options.limit)}`,
  ].join("\n");
  return { sql, parameters: context.parameters.values };
}

/** Counts of events and users, and users of cohorts, from any mix of tables. Same columns as `compileRows`. */
export function compileSlices(
  series: TrendSeries,
  period: Period,
  people: People,
  slices: readonly Slice[],
): Statement {
  const context: SqlContext = { parameters: new Parameters(), people };
  const users = series.math !== "total";
  const parts = slices.map((slice) => {
    // Filters, if there are any, cut the sets of users below.
    const conditions = [
      rangeSql(slice.table, slice, context.parameters),
      ...eventConditions({ event: series.event, filters: [] }, context),
    ];
    const columns = [
      `${bucketSql(slice.table, period.buckets, context.parameters)} AS slice_bucket`,
      countsSql(slice, users, people),
    ];
    return `SELECT ${columns.join(", ")}\n${fromTable(rollupTable(slice.table, series.event), conditions)}\nGROUP BY slice_bucket`;
  });
  const persons =
    people.merged || series.filters.length > 0
      ? `bitmapCardinality(${cutBitmapSql(personsOfSql(people, "groupBitmapMergeState(slice_users)"), series.filters, context)})`
      : "groupBitmapMerge(slice_users)";
  const value = {
    total: "sum(slice_events)",
    unique_users: persons,
    // Nobody is left where all of a rollup's rows were taken back.
    per_user: `ifNull(sum(slice_events) / nullIf(${persons}, 0), 0)`,
  }[series.math as "total" | "unique_users" | "per_user"];
  const sql = [
    `SELECT toUInt16(1) AS rank, 0 AS all_ranks, slice_bucket AS bucket, grouping(bucket) AS all_buckets, ${value} AS value`,
    `FROM (\n${parts.join("\nUNION ALL\n")}\n)`,
    "GROUP BY ROLLUP(bucket)",
  ].join("\n");
  return { sql, parameters: context.parameters.values };
}

function countsSql(slice: Slice, users: boolean, people: People): string {
  const rollup = slice.table !== "steps";
  const events = `${rollup ? "sum(events)" : "count()"} AS slice_events`;
  if (!users) return events;
  const state = rollup ? "groupBitmapMergeState(users)" : `groupBitmapState(${personSql(people)})`;
  return `${events}, ${state} AS slice_users`;
}

function rankSql(source: LineSource, context: SqlContext): string {
  return "cohorts" in source
    ? cohortRanksSql(source.cohorts, context)
    : valueRankSql(valueTextSql(source.values, context), source.top, context);
}

/** A row comes once for each cohort of its person, and not at all for nobody's. */
function cohortRanksSql(cohorts: readonly string[], context: SqlContext): string {
  const ranks = cohorts.map((id, index) => `if(${isMemberSql(id, context)}, ${index + 1}, 0)`);
  return `arrayJoin(arrayFilter(each -> each > 0, CAST([${ranks.join(", ")}], 'Array(UInt16)')))`;
}
