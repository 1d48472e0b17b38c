// Questions about counts, sums and distinct people over time.
import type { DataSet } from "./data-set.ts";
import { peerEvents, peerUsers, type Row } from "./peer-table.ts";
import { cohortPlace, plainRange, wholeRange, type QueryCase } from "./query-case.ts";

interface TrendsAnswer {
  readonly series: readonly {
    readonly breakdown: string | null;
    readonly buckets: readonly string[];
    readonly values: readonly (number | null)[];
    readonly total: number | null;
  }[];
}

const path = "/v1/query/trends";
const day = "toUnixTimestamp(toStartOfDay(timestamp))";
const week = "toUnixTimestamp(toStartOfDay(toMonday(timestamp)))";

/** Buckets that are not empty: value of the breakdown, start in seconds, value. */
function buckets(answer: TrendsAnswer): Row[] {
  return answer.series.flatMap(({ breakdown, buckets: starts, values }) =>
    starts.flatMap((start, index): Row[] => {
      const value = values[index] ?? 0;
      return value === 0 ? [] : [[breakdown ?? "", Date.parse(start) / 1000, value]];
    }),
  );
}

/** The same and the whole range as bucket 0: what `WITH ROLLUP` adds. */
function bucketsAndTotal(answer: TrendsAnswer): Row[] {
  return [...buckets(answer), ["", 0, answer.series[0]?.total ?? 0]];
}

export function trendsCases(data: DataSet): QueryCase[] {
  const where = plainRange(data);
  const zone = "Europe/Amsterdam";
  const orders = { did: { event: "order_placed", at_least: 3, ...wholeRange(data, 0) } };
  return [
    {
      name: "events a day, one event",
      ...{ kind: "counts", goalMs: 50, path },
      body: (shift) => ({ ...wholeRange(data, shift), interval: "day", series: [{ event: "page_viewed" }] }),
      plainSql: `SELECT '', ${day} AS bucket, count() FROM ${peerEvents} WHERE ${where} AND event = 'page_viewed' GROUP BY bucket`,
      rows: buckets,
    },
    {
      name: "events an hour in another zone, any event",
      ...{ kind: "counts", goalMs: 50, path },
      body: (shift) => ({
        ...wholeRange(data, shift),
        ...{ timezone: zone, interval: "hour", series: [{ event: null }] },
      }),
      plainSql: `SELECT '', toUnixTimestamp(toStartOfHour(timestamp, '${zone}')) AS bucket, count() FROM ${peerEvents} WHERE ${where} GROUP BY bucket`,
      rows: buckets,
    },
    {
      name: "a share a day, as a formula of two events",
      ...{ kind: "counts", goalMs: 50, path },
      body: (shift) => ({
        ...wholeRange(data, shift),
        interval: "day",
        series: [
          { event: "order_placed", label: "A" },
          { event: "page_viewed", label: "B" },
        ],
        formula: "A / B",
      }),
      plainSql: `SELECT '', ${day} AS bucket, countIf(event = 'order_placed') / countIf(event = 'page_viewed') FROM ${peerEvents} WHERE ${where} AND event IN ('order_placed', 'page_viewed') GROUP BY bucket`,
      // After the lines it is made of.
      rows: ({ series }: TrendsAnswer): Row[] => buckets({ series: series.slice(-1) }),
    },
    {
      name: "sum of a property a day",
      ...{ kind: "sums and breakdowns", goalMs: 50, insight: "trends", needsRows: true, path },
      body: (shift) => ({
        ...wholeRange(data, shift),
        interval: "day",
        series: [{ event: "order_placed", math: "sum", property: "revenue" }],
      }),
      plainSql: `SELECT '', ${day} AS bucket, sum(revenue) FROM ${peerEvents} WHERE ${where} AND event = 'order_placed' GROUP BY bucket`,
      rows: buckets,
    },
    {
      name: "events a day by country",
      ...{ kind: "sums and breakdowns", goalMs: 50, insight: "trends", needsRows: true, path },
      body: (shift) => ({
        ...wholeRange(data, shift),
        interval: "day",
        series: [{ event: "page_viewed" }],
        breakdown: { property: "country", on: "event", limit: 25 },
      }),
      plainSql: `SELECT country, ${day} AS bucket, count() FROM ${peerEvents} WHERE ${where} AND event = 'page_viewed' GROUP BY country, bucket`,
      rows: buckets,
    },
    {
      name: "people a day, one event, and of the whole range",
      ...{ kind: "distinct people", goalMs: 150, goalRatio: 50, path },
      body: (shift) => ({
        ...wholeRange(data, shift),
        interval: "day",
        series: [{ event: "page_viewed", math: "unique_users" }],
      }),
      plainSql: `SELECT '', ${day} AS bucket, uniqExact(user_id) FROM ${peerEvents} WHERE ${where} AND event = 'page_viewed' GROUP BY bucket WITH ROLLUP`,
      rows: bucketsAndTotal,
    },
    {
      name: "people a day, any event, and of the whole range",
      ...{ kind: "distinct people", goalMs: 150, goalRatio: 50, path },
      body: (shift) => ({
        ...wholeRange(data, shift),
        interval: "day",
        series: [{ event: null, math: "unique_users" }],
      }),
      plainSql: `SELECT '', ${day} AS bucket, uniqExact(user_id) FROM ${peerEvents} WHERE ${where} GROUP BY bucket WITH ROLLUP`,
      rows: bucketsAndTotal,
    },
    {
      name: "people a week of one country",
      ...{ kind: "filtered people", goalMs: 150, goalRatio: 50, insight: "trends", needsRows: true, path },
      body: (shift) => ({
        ...wholeRange(data, shift, 7),
        interval: "week",
        series: [{ event: "page_viewed", math: "unique_users" }],
        filters: [{ property: "country", operator: "eq", value: "DE" }],
      }),
      plainSql: `SELECT '', ${week} AS bucket, uniqExact(user_id) FROM ${peerEvents} WHERE ${where} AND event = 'page_viewed' AND country = 'DE' GROUP BY bucket WITH ROLLUP`,
      rows: bucketsAndTotal,
    },
    {
      name: "people a week, by a property of theirs",
      ...{ kind: "filtered people", goalMs: 150, goalRatio: 50, path },
      body: (shift) => ({
        ...wholeRange(data, shift, 7),
        interval: "week",
        series: [{ event: "page_viewed", math: "unique_users" }],
        filters: [{ property: "tier", on: "user", operator: "eq", value: "pro" }],
      }),
      plainSql: `SELECT '', ${week} AS bucket, uniqExact(user_id) FROM ${peerEvents} WHERE ${where} AND event = 'page_viewed' AND user_id IN (SELECT user_id FROM ${peerUsers} WHERE project_id = ${data.projectId} AND tier = 'pro') GROUP BY bucket WITH ROLLUP`,
      rows: bucketsAndTotal,
    },
    {
      name: "people of a cohort a week",
      ...{ kind: "filtered people", goalMs: 150, goalRatio: 50, cohort: orders, path },
      body: (shift) => ({
        ...wholeRange(data, shift, 7),
        interval: "week",
        series: [{ event: "page_viewed", math: "unique_users" }],
        filters: [{ cohort: cohortPlace }],
      }),
      plainSql: `SELECT '', ${week} AS bucket, uniqExact(user_id) FROM ${peerEvents} WHERE ${where} AND event = 'page_viewed' AND user_id IN (SELECT user_id FROM ${peerEvents} WHERE ${where} AND event = 'order_placed' GROUP BY user_id HAVING count() >= 3) GROUP BY bucket WITH ROLLUP`,
      rows: bucketsAndTotal,
    },
  ];
}
