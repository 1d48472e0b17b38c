// A series from what is kept of a selector, and from rows where nothing is: both as the same aggregation states,
// merged. The columns of the answers are those of `compileRows` and `compileTop`.
import {
  fromSlice,
  isKept,
  sliceBucketSql,
  type KeptPlan,
  type KeptSlice,
} from "../../partials/kept-slices.ts";
import type { People } from "../../people/people.ts";
import { cutBitmapSql } from "../../people/person-set.ts";
import { personsOfSql } from "../../people/person-sql.ts";
import type { SqlContext } from "../../sql/context.ts";
import { Parameters } from "../../sql/parameters.ts";
import { propertySql } from "../../sql/property.ts";
import { valueRankSql } from "../../sql/value-rank.ts";
import { valueTextSql, type ValueSource } from "../../sql/value-text.ts";
import type { Statement } from "../../store/run-statement.ts";
import type { KeptSeries } from "./plan.ts";
import type { Period } from "./request.ts";

interface KeptOptions {
  readonly series: KeptSeries;
  readonly period: Period;
  readonly people: People;
  readonly plan: KeptPlan;
}

/** Values apart, and which of them have a line of their own. */
interface KeptBreakdown {
  readonly values: ValueSource;
  readonly top: readonly (string | null)[];
}

/** Columns: rank, 1 when over all ranks, bucket, 1 when over all buckets, value. */
export function compileKeptLines(options: KeptOptions & { breakdown?: KeptBreakdown }): Statement {
  const { series, period, breakdown, people } = options;
  const context: SqlContext = { parameters: new Parameters(), people };
  const parts = partsSql(options, context, (slice) => {
    const bucket = `${sliceBucketSql(slice, period.buckets, context)} AS slice_bucket`;
    if (breakdown === undefined) return { columns: [bucket], keys: ["slice_bucket"] };
    const text = isKept(slice.table) ? "value" : valueTextSql(breakdown.values, context);
    return {
      columns: [`${valueRankSql(text, breakdown.top, context)} AS slice_rank`, bucket],
      keys: ["slice_rank", "slice_bucket"],
    };
  });
  const rank =
    breakdown === undefined
      ? "toUInt16(1) AS rank, 0 AS all_ranks"
      : "slice_rank AS rank, grouping(rank) AS all_ranks";
  const keys = breakdown === undefined ? ["bucket"] : ["rank", "bucket"];
  const sql = [
    `SELECT ${rank}, slice_bucket AS bucket, grouping(bucket) AS all_buckets, ${valueSql(series, context)} AS value`,
    `FROM (\n${parts}\n)`,
    `GROUP BY ROLLUP(${keys.join(", ")})`,
  ].join("\n");
  return { sql, parameters: context.parameters.values };
}

/** The values with the highest totals. Columns: value or null where there is none, total. */
export function compileKeptTop(options: KeptOptions & { source: ValueSource; limit: number }): Statement {
  const { series, people } = options;
  const context: SqlContext = { parameters: new Parameters(), people };
  const parts = partsSql(options, context, (slice) => {
    const text = isKept(slice.table) ? "value" : valueTextSql(options.source, context);
    return { columns: [`${text} AS slice_text`], keys: ["slice_text"] };
  });
  const sql = [
    `SELECT slice_text AS value_text, ${valueSql(series, context)} AS total`,
    `FROM (\n${parts}\n)`,
    "GROUP BY value_text",
    // What is kept is of everybody: a value of nobody who is asked for is none.
    ...(series.ofPeople.length > 0 ? ["HAVING total > 0"] : []),
    "ORDER BY total DESC NULLS LAST, value_text ASC NULLS LAST",
    `LIMIT ${context.parameters.bind("UInt32", options.limit)}`,
  ].join("\n");
  return { sql, parameters: context.parameters.values };
}

function partsSql(
  { series, plan }: KeptOptions,
  context: SqlContext,
  keysOf: (slice: KeptSlice) => { columns: readonly string[]; keys: readonly string[] },
): string {
  return plan.slices
    .map((slice) => {
      const { columns, keys } = keysOf(slice);
      const { event, ofEvents, math, property } = series;
      const kept = isKept(slice.table);
      const states = kept ? keptStates[math] : rowStates(math, property);
      return [
        `SELECT ${[...columns, ...states].join(", ")}`,
        fromSlice(slice, plan.kept, { event, filters: ofEvents }, context),
        // What is kept is states already, to be merged once.
        ...(kept ? [] : [`GROUP BY ${keys.join(", ")}`]),
      ].join("\n");
    })
    .join("\nUNION ALL\n");
}

const counted = "events AS slice_events";
const people = "users AS slice_users";
const added = "number_sum AS slice_sum";

/** What the maths are made of, in a row of what is kept. */
const keptStates: Readonly<Record<KeptSeries["math"], readonly string[]>> = {
  total: [counted],
  unique_users: [people],
  per_user: [counted, people],
  sum: [added],
  avg: [added, "numbers AS slice_numbers"],
  min: ["number_min AS slice_least"],
  max: ["number_max AS slice_most"],
};

/** The same over rows. */
function rowStates(math: KeptSeries["math"], property: string | undefined): readonly string[] {
  const number = property === undefined ? "NULL" : propertySql(property).number;
  const sum = `sumKahanStateIf(assumeNotNull(${number}), isNotNull(${number})) AS slice_sum`;
  const users = "groupBitmapState(user_number) AS slice_users";
  const states: Record<KeptSeries["math"], readonly string[]> = {
    total: ["count() AS slice_events"],
    unique_users: [users],
    per_user: ["count() AS slice_events", users],
    sum: [sum],
    avg: [sum, `count(${number}) AS slice_numbers`],
    min: [`min(${number}) AS slice_least`],
    max: [`max(${number}) AS slice_most`],
  };
  return states[math];
}

function valueSql({ math, ofPeople }: KeptSeries, context: SqlContext): string {
  const merged = personsOfSql(context.people, "groupBitmapMergeState(slice_users)");
  const persons =
    context.people.merged || ofPeople.length > 0
      ? `bitmapCardinality(${cutBitmapSql(merged, ofPeople, context)})`
      : "groupBitmapMerge(slice_users)";
  const values: Record<KeptSeries["math"], string> = {
    total: "sum(slice_events)",
    unique_users: persons,
    per_user: `sum(slice_events) / ${persons}`,
    sum: "sumKahanMerge(slice_sum)",
    avg: "sumKahanMerge(slice_sum) / nullIf(sum(slice_numbers), 0)",
    min: "min(slice_least)",
    max: "max(slice_most)",
  };
  return values[math];
}
