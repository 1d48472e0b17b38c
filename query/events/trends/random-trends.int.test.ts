// Random events and random queries: every plan that can answer a query agrees with the naive reference.
import { Registry } from "prom-client";
import { afterAll, beforeAll, expect, it } from "vitest";
import { breakdownNone, breakdownOther, type TrendsQuery } from "#schemas/query/trends.ts";
import { nobodyJoined } from "../../people/people.ts";
import { QueryRun } from "../../store/query-run.ts";
import { ReadOnlySettings } from "../../store/read-only.ts";
import { createRandomTrends } from "../../testing/random-trends.ts";
import { createTestDatabase, storeTime, type TestDatabase } from "../../testing/test-database.ts";
import { createQueryMetrics } from "../../metrics.ts";
import {
  aggregate,
  intervalStart,
  matches,
  textOf,
  valueOf,
  type ReferenceEvent,
} from "../naive-reference.ts";
import type { RollupTable } from "../plan-slices.ts";
import { answerTrends } from "./answer.ts";
import { isZeroWhenEmpty } from "./aggregate-sql.ts";
import { readTrendsRequest, type Period, type TrendSeries, type TrendsRequest } from "./request.ts";
import type { Line } from "./shape.ts";

const seed = Number(process.env["MILLRACE_TEST_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const cases = Number(process.env["MILLRACE_TEST_CASES"] ?? 150);
const projectId = 7;
const random = createRandomTrends(seed);

let database: TestDatabase;
let events: ReferenceEvent[];

function inPeriod(period: Period, series: TrendSeries): ReferenceEvent[] {
  return events.filter(
    (event) =>
      event.timestampMs >= period.fromMs &&
      event.timestampMs < period.endMs &&
      (series.event === null || series.event === event.event) &&
      matches(event, series.filters),
  );
}

/** Breakdown values of the current period with the highest totals, ties by value, missing last. */
function topOf(
  request: TrendsRequest,
  series: TrendSeries,
  property: string,
  limit: number,
): (string | null)[] {
  const groups = Map.groupBy(inPeriod(request.periods[0] as Period, series), (event) =>
    textOf(valueOf(event, property)),
  );
  const totals = [...groups].map(([value, group]) => ({
    value,
    total: aggregate(group, series.math, series.property),
  }));
  const bytes = (text: string | null): Buffer => Buffer.from(text ?? "");
  totals.sort((left, right) => {
    if (left.total === null || right.total === null) {
      if (left.total !== right.total) return left.total === null ? 1 : -1;
    } else if (Math.abs(left.total - right.total) > 1e-9) return right.total - left.total;
    if (left.value === null || right.value === null) return left.value === null ? 1 : -1;
    return Buffer.compare(bytes(left.value), bytes(right.value));
  });
  return totals.slice(0, limit).map((each) => each.value);
}

function expectedLines(
  query: TrendsQuery,
  request: TrendsRequest,
  series: TrendSeries,
  period: Period,
): Line[] {
  const all = inPeriod(period, series);
  const line = (breakdown: string | null, group: ReferenceEvent[]): Line => {
    const buckets = Map.groupBy(group, (event) =>
      intervalStart(
        event.timestampMs,
        query.timezone ?? "UTC",
        query.interval ?? "day",
        query.week_start ?? "monday",
      ),
    );
    for (const start of buckets.keys()) expect(period.buckets.startsMs).toContain(start);
    return {
      breakdown,
      values: period.buckets.startsMs.map((start) =>
        aggregate(buckets.get(start) ?? [], series.math, series.property),
      ),
      total: aggregate(group, series.math, series.property),
    };
  };
  if (request.breakdown === undefined) return [line(null, all)];
  const { property, limit } = request.breakdown;
  const top = topOf(request, series, property, limit);
  const valueIn = (event: ReferenceEvent): string | null => textOf(valueOf(event, property));
  const lines = top.map((value) =>
    line(
      value ?? breakdownNone,
      all.filter((event) => valueIn(event) === value),
    ),
  );
  const rest = all.filter((event) => !top.includes(valueIn(event)));
  return top.length > 0 && rest.length > 0 ? [...lines, line(breakdownOther, rest)] : lines;
}

function expectClose(got: number | null | undefined, expected: number | null, what: string): void {
  if (got === null || got === undefined || expected === null) {
    expect(got, what).toBe(expected);
    return;
  }
  expect(Math.abs(got - expected), `${what}: got ${got}, expected ${expected}`).toBeLessThanOrEqual(
    1e-9 * Math.max(1, Math.abs(expected)),
  );
}

beforeAll(async () => {
  database = await createTestDatabase();
  events = Array.from({ length: 4000 }, () => random.event());
  const rows = events.map((event, index) => ({
    project_id: projectId,
    event: event.event,
    timestamp: storeTime(event.timestampMs),
    user_number: event.user,
    event_id: String(index),
    properties: event.properties,
    browser: event.browser,
    received_at: storeTime(Date.now()),
  }));
  // A neighbour with the same events, whose rows must never show.
  const foreign = rows.map((row) => ({
    ...row,
    project_id: projectId + 1,
    user_number: row.user_number + 1000,
  }));
  for (let start = 0; start < rows.length; start += 500) {
    await database.insertEvents([...rows.slice(start, start + 500), ...foreign.slice(start, start + 500)]);
  }
});

afterAll(() => database.drop());

const choices: readonly (readonly RollupTable[])[] = [
  ["rollup_day", "rollup_hour", "rollup_minute"],
  ["rollup_hour"],
  ["rollup_minute"],
  [],
];

it(
  `agrees with the reference (seed ${seed}, ${cases} cases)`,
  { timeout: 20_000 + cases * 1000 },
  async () => {
    const { clickhouse } = database;
    const metrics = createQueryMetrics(new Registry());
    const store = { clickhouse, metrics, readOnly: new ReadOnlySettings(clickhouse) };
    const sources = new Set<string>();
    let linesWithEvents = 0;
    for (let index = 0; index < cases; index += 1) {
      const query = random.query();
      const what = `seed ${seed}, case ${index}: ${JSON.stringify(query)}`;
      const request = readTrendsRequest(query, Date.now());
      const expected = request.series.flatMap((series) =>
        request.periods.flatMap((period) => {
          const current = request.periods[0] as Period;
          const answered = request.breakdown === undefined || inPeriod(current, series).length > 0;
          return answered
            ? expectedLines(query, request, series, period).map((line) => ({ line, period, series }))
            : [];
        }),
      );
      linesWithEvents += expected.filter(({ line }) => (line.total ?? 0) !== 0).length;
      const isPlain =
        request.breakdown === undefined && request.series.every((each) => each.filters.length === 0);
      for (const rollups of isPlain ? choices : [choices[0] as readonly RollupTable[]]) {
        const run = new QueryRun({
          store,
          projectId,
          signal: new AbortController().signal,
          people: nobodyJoined,
        });
        const answer = await answerTrends(request, run, rollups);
        for (const source of run.source.split("+")) sources.add(source);
        const named = answer.series.map((series) => [series.breakdown, series.compare ?? false]);
        expect(named, what).toEqual(expected.map(({ line, period }) => [line.breakdown, period.compare]));
        answer.series.forEach((got, at) => {
          const { line, period, series } = expected[at] as (typeof expected)[number];
          expect(got.buckets, what).toEqual(
            period.buckets.startsMs.map((start) => new Date(start).toISOString()),
          );
          const empty = isZeroWhenEmpty(series.math) ? 0 : null;
          got.values.forEach((value, bucket) =>
            expectClose(value, line.values[bucket] ?? empty, `${what} bucket ${bucket}`),
          );
          expectClose(got.total, line.total, `${what} total of ${got.label}`);
        });
      }
    }
    // Random queries that mostly miss all events would prove little.
    expect(linesWithEvents).toBeGreaterThan(cases);
    if (cases >= 100) {
      expect([...sources].sort()).toEqual(["events", "rollup_day", "rollup_hour", "rollup_minute", "steps"]);
    }
  },
);
