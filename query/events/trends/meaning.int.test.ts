// What trends mean, a test a sentence: docs/guides/trends.md says the same in prose.
import { Registry } from "prom-client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TrendsAnswerSeries } from "#schemas/query/trends.ts";
import { createQueryMetrics } from "../../metrics.ts";
import { QueryRun } from "../../store/query-run.ts";
import { ReadOnlySettings } from "../../store/read-only.ts";
import { createTestDatabase, storeTime, type TestDatabase } from "../../testing/test-database.ts";
import { answerTrends } from "./answer.ts";
import { readTrendsRequest } from "./request.ts";

const projectId = 5;
let database: TestDatabase;

interface Given {
  event?: string;
  at: string;
  user: number;
  properties?: object;
}

/** People 1 to 3; the ids 3 and 4 are joined to one person. */
const given: Given[] = [
  { at: "2026-11-01T10:00:00Z", user: 1, properties: { revenue: 10, country: "NL" } },
  { at: "2026-11-01T11:00:00Z", user: 2, properties: { revenue: 20, country: "nl" } },
  { at: "2026-11-02T10:00:00Z", user: 1, properties: { revenue: 30.5 } },
  { at: "2026-11-02T23:59:59.999Z", user: 3, properties: { revenue: "40", country: null } },
  { at: "2026-11-03T00:00:00Z", user: 4, properties: { country: "DE" } },
  { event: "other", at: "2026-11-03T12:00:00Z", user: 5 },
  // An hour before and after both changes of the clock in Amsterdam, and at local midnights around them.
  { event: "clock", at: "2026-03-22T23:00:00Z", user: 1 },
  { event: "clock", at: "2026-03-29T21:59:59.999Z", user: 2 },
  { event: "clock", at: "2026-03-29T22:00:00Z", user: 2 },
  { event: "clock", at: "2026-10-18T22:00:00Z", user: 1 },
  { event: "clock", at: "2026-10-25T22:59:59.999Z", user: 3 },
  { event: "clock", at: "2026-10-25T23:00:00Z", user: 3 },
];

beforeAll(async () => {
  database = await createTestDatabase();
  await database.insertEvents(
    given.map(({ event = "order", at, user, properties = {} }, index) => ({
      project_id: projectId,
      event,
      timestamp: storeTime(Date.parse(at)),
      user_number: user,
      event_id: String(index),
      properties,
      received_at: storeTime(Date.now()),
    })),
  );
  const insert = (table: string, values: object[]): Promise<unknown> =>
    database.clickhouse.insert({ table, values, format: "JSONEachRow" });
  await insert("persons", [{ project_id: projectId, user_number: 4, person_number: 3, version: 1 }]);
  await insert(
    "user_properties",
    [1, 2].map((user) => ({
      project_id: projectId,
      property: "plan",
      user_number: user,
      once: 0,
      text: user === 1 ? "pro" : "free",
      value: user === 1 ? '"pro"' : '"free"',
      version: 1,
    })),
  );
  await database.clickhouse.command({
    query: `INSERT INTO cohort_members SELECT ${projectId}, 1, 1, groupBitmapState(arrayJoin([toUInt32(1), toUInt32(4)]))`,
  });
});

afterAll(() => database.drop());

async function trends(
  query: object,
  merged = true,
): Promise<{ series: TrendsAnswerSeries[]; run: QueryRun }> {
  const { clickhouse } = database;
  const run = new QueryRun({
    store: {
      clickhouse,
      metrics: createQueryMetrics(new Registry()),
      readOnly: new ReadOnlySettings(clickhouse),
    },
    projectId,
    signal: new AbortController().signal,
    people: { merged, cohorts: new Map([["buyers", 1]]) },
  });
  const request = readTrendsRequest({ from: "2026-11-01", to: "2026-11-03", ...query }, Date.now());
  return { ...(await answerTrends(request, run)), run };
}

async function line(query: object): Promise<{ values: (number | null)[]; total: number | null }> {
  const { values, total } = (await trends(query)).series[0] as TrendsAnswerSeries;
  return { values, total };
}

const order = { event: "order" };
const revenue = { event: "order", property: "revenue" };

describe("each sentence about trends", () => {
  const cases: { sentence: string; query: object; expected: object }[] = [
    {
      sentence: "unique_users over a range is the exact number of distinct people, not a sum of days",
      query: { series: [{ ...order, math: "unique_users" }] },
      expected: { values: [2, 2, 1], total: 3 },
    },
    {
      sentence: "unique_users of a filtered series is the exact number of distinct people as well",
      query: {
        series: [
          { ...order, math: "unique_users", filters: [{ property: "nothing", operator: "is_not_set" }] },
        ],
      },
      expected: { values: [2, 2, 1], total: 3 },
    },
    {
      sentence: "per_user is total by unique users",
      query: { series: [{ ...order, math: "per_user" }] },
      expected: { values: [1, 1, 1], total: 5 / 3 },
    },
    {
      sentence: "event null means any event",
      query: { series: [{ event: null }] },
      expected: { values: [2, 2, 2], total: 6 },
    },
    {
      sentence: "buckets without events are 0",
      query: { to: "2026-11-04", series: [order] },
      expected: { values: [2, 2, 1, 0], total: 5 },
    },
    {
      sentence: "buckets without events are null for averages",
      query: { to: "2026-11-04", series: [{ ...revenue, math: "avg" }] },
      expected: { values: [15, 30.5, null, null], total: 60.5 / 3 },
    },
    {
      sentence: "buckets without events are null for quantiles",
      query: { to: "2026-11-04", series: [{ ...revenue, math: "median" }] },
      expected: { values: [15, 30.5, null, null], total: 20 },
    },
    {
      sentence: "sums add JSON numbers, not text that looks like them",
      query: { series: [{ ...revenue, math: "sum" }] },
      expected: { values: [30, 30.5, 0], total: 60.5 },
    },
    {
      sentence: "from and to are inclusive instants",
      query: { from: "2026-11-01T11:00:00Z", to: "2026-11-03T00:00:00Z", series: [order] },
      expected: { values: [1, 2, 1], total: 4 },
    },
    {
      sentence: "a time without a zone is in the query's zone",
      query: {
        from: "2026-11-03T01:00:00",
        to: "2026-11-03T01:00:00",
        timezone: "Europe/Amsterdam",
        series: [order],
      },
      expected: { values: [1], total: 1 },
    },
    {
      sentence: "a date alone means the whole day in the query's zone",
      query: { from: "2026-11-03", to: "2026-11-03", timezone: "Europe/Amsterdam", series: [order] },
      expected: { values: [2], total: 2 },
    },
    {
      sentence: "weeks in a zone with daylight saving have their true length: 167 hours in spring",
      query: {
        from: "2026-03-23",
        to: "2026-03-30",
        timezone: "Europe/Amsterdam",
        interval: "week",
        series: [{ event: "clock" }],
      },
      expected: { values: [2, 1], total: 3 },
    },
    {
      sentence: "weeks in a zone with daylight saving have their true length: 169 hours in autumn",
      query: {
        from: "2026-10-19",
        to: "2026-10-26",
        timezone: "Europe/Amsterdam",
        interval: "week",
        series: [{ event: "clock", math: "unique_users" }],
      },
      expected: { values: [2, 1], total: 2 },
    },
    {
      sentence: "a list of filters is AND, or nests",
      query: {
        series: [order],
        filters: [
          {
            or: [
              { property: "country", operator: "eq", value: "NL" },
              { property: "revenue", operator: "gt", value: 15 },
            ],
          },
          { property: "country", operator: "is_set" },
        ],
      },
      expected: { values: [2, 0, 0], total: 2 },
    },
    {
      sentence: "missing properties match neq, not_in, not_contains, is_not_set",
      query: {
        series: [order],
        filters: [
          { property: "country", operator: "neq", value: "DE" },
          { property: "country", operator: "not_in", value: ["DE"] },
          { property: "country", operator: "not_contains", value: "n" },
          { property: "country", operator: "is_not_set" },
        ],
      },
      expected: { values: [0, 2, 0], total: 2 },
    },
    {
      sentence: "contains ignores case",
      query: { series: [order], filters: [{ property: "country", operator: "contains", value: "NL" }] },
      expected: { values: [2, 0, 0], total: 2 },
    },
    {
      sentence:
        "a cohort's filter keeps the events of its people, also of ids that were joined with a member",
      query: { series: [order], filters: [{ cohort: "buyers" }] },
      expected: { values: [1, 2, 1], total: 4 },
    },
    {
      sentence: "a negated cohort's filter keeps everybody else's",
      query: { series: [{ ...order, math: "unique_users" }], filters: [{ cohort: "buyers", negate: true }] },
      expected: { values: [1, 0, 0], total: 1 },
    },
    {
      sentence: "a filter on user looks at the person, whatever the event says",
      query: {
        series: [order],
        filters: [{ property: "plan", operator: "eq", value: "pro", on: "user" }],
      },
      expected: { values: [1, 1, 0], total: 2 },
    },
  ];
  for (const { sentence, query, expected } of cases) {
    it(sentence, async () => expect(await line(query)).toEqual(expected));
  }

  it("a join changes the answers of queries over the past", async () => {
    const uniques = { series: [{ event: "order", math: "unique_users" }] };
    expect((await trends(uniques, false)).series[0]?.total).toBe(4);
    expect((await trends(uniques, true)).series[0]?.total).toBe(3);
  });

  it("a breakdown by cohorts is one line for each, named by its id", async () => {
    const { series } = await trends({ series: [order], breakdown: { cohorts: ["buyers"] } });
    expect(series.map(({ breakdown, values, total }) => ({ breakdown, values, total }))).toEqual([
      { breakdown: "buyers", values: [1, 2, 1], total: 4 },
    ]);
  });

  it("a breakdown on user takes the value that the person has now", async () => {
    const { series } = await trends({ series: [order], breakdown: { property: "plan", on: "user" } });
    expect(series.map(({ breakdown, total }) => [breakdown, total])).toEqual([
      ["pro", 2],
      ["$none", 2],
      ["free", 1],
    ]);
  });

  it("compare answers the period before, of equal length", async () => {
    const { series } = await trends({ from: "2026-11-02", to: "2026-11-02", series: [order], compare: true });
    expect(series.map(({ compare, total }) => [compare, total])).toEqual([
      [undefined, 2],
      [true, 2],
    ]);
  });

  it("counts, sums, uniques and quantiles are exact, and meta says when quantiles are not", async () => {
    const median = { series: [{ ...revenue, math: "p90" }] };
    expect((await trends(median)).run.exact).toBe(true);
    // What a day of 25 million more orders leaves in the rollup.
    await database.clickhouse.insert({
      table: "rollup_day",
      values: [{ project_id: projectId, event: "order", day: "2026-11-01 00:00:00", events: 25_000_000 }],
      format: "JSONEachRow",
    });
    const { run, series } = await trends(median);
    expect([run.exact, ...run.notes]).toEqual([false, "p90 of order is approximated (t-digest)"]);
    expect(series[0]?.total).toBeGreaterThan(20);
    const sum = await trends({
      series: [
        { ...revenue, math: "sum" },
        { event: "other", property: "x", math: "max" },
      ],
    });
    expect(sum.run.exact).toBe(true);
  });
});
