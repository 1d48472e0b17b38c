// Random events and random queries: every plan that can answer a query agrees with the naive reference.
import { Registry } from "prom-client";
import { afterAll, beforeAll, expect, it } from "vitest";
import { filterOperators, type Filter, type FilterScalar } from "#schemas/query/filter.ts";
import { breakdownNone, breakdownOther, trendMaths, type TrendsQuery } from "#schemas/query/trends.ts";
import { ReadOnlySettings } from "../../store/read-only.ts";
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
const hourMs = 3_600_000;

let database: TestDatabase;
let events: ReferenceEvent[];

/** mulberry32: small, seeded, good enough. */
function randomFrom(start: number): () => number {
  let state = start | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const random = randomFrom(seed);
const below = (limit: number): number => Math.floor(random() * limit);
const pick = <T>(values: readonly T[]): T => values[below(values.length)] as T;
const chance = (share: number): boolean => random() < share;

const names = ["order placed", "page", "sign'up\\", "$pageview", "クリック"];
// Around changes of the clock, before 1970 and after 2106.
const centres = [
  "2026-03-29T01:00:00Z",
  "2026-10-25T01:00:00Z",
  "2026-11-01T06:00:00Z",
  "2026-04-04T15:00:00Z",
  "2026-10-03T15:30:00Z",
  "2011-12-30T10:00:00Z",
  "1969-12-31T23:59:00Z",
  "1925-04-04T02:20:00Z",
  "2106-02-07T06:28:15Z",
  "2200-10-26T01:00:00Z",
].map((text) => Date.parse(text));
const zones = [
  "UTC",
  "Europe/Amsterdam",
  "America/New_York",
  "Asia/Kolkata",
  "Australia/Lord_Howe",
  "Pacific/Apia",
  "Asia/Kathmandu",
];
const countries = ["NL", "DE", "nl", "Österreich", "", "12", "true", "a'b\\c`d"];
const properties = [
  "country",
  "amount",
  "mixed",
  "nested.deep",
  "dotted.key",
  "missing",
  "$browser",
  "$event",
  "we`ird \\name",
];

function randomEvent(): ReferenceEvent {
  const given: Record<string, unknown> = {};
  if (chance(0.8)) given["country"] = pick(countries);
  if (chance(0.8)) given["amount"] = chance(0.5) ? below(50) - 10 : Math.round(random() * 10_000) / 100;
  if (chance(0.7)) given["mixed"] = pick([1, 12, "12", "text", true, false, null, 0.5, "true", -3]);
  if (chance(0.5)) given["nested"] = { deep: pick([1, 2, "x", "y"]), ...(chance(0.3) ? { other: 1 } : {}) };
  if (chance(0.3)) given["dotted.key"] = pick(["d1", "d2", 5]);
  if (chance(0.3)) given["we`ird \\name"] = pick(["w", 3]);
  const spreadMs = pick([60_000, hourMs, 30 * hourMs, 40 * 24 * hourMs]);
  return {
    event: pick(names),
    user: below(60),
    timestampMs: pick(centres) + (chance(0.1) ? 0 : Math.floor((random() - 0.5) * 2 * spreadMs)),
    properties: given,
    browser: pick(["", "Firefox", "Chrome"]),
  };
}

function randomFilter(depth: number): Filter {
  if (depth > 0 && chance(0.3)) {
    return { or: Array.from({ length: 1 + below(3) }, () => randomFilter(depth - 1)) };
  }
  const operator = pick(filterOperators);
  const property = pick(properties);
  const scalar = (): FilterScalar =>
    pick<FilterScalar>([
      ...countries,
      ...countries,
      12,
      0.5,
      1,
      true,
      false,
      "text",
      "x",
      "d1",
      "Firefox",
      3,
      "12",
    ]);
  if (operator === "is_set" || operator === "is_not_set") return { property, operator };
  if (operator === "in" || operator === "not_in") {
    return { property, operator, value: Array.from({ length: below(4) }, scalar) };
  }
  if (operator === "gt" || operator === "gte" || operator === "lt" || operator === "lte") {
    return { property, operator, value: pick<FilterScalar>([0, 12, 5.5, "12", "M", ""]) };
  }
  return { property, operator, value: scalar() };
}

function randomQuery(): TrendsQuery {
  const interval = pick(["minute", "hour", "day", "week", "month"] as const);
  const spanMs = {
    minute: hourMs,
    hour: 60 * hourMs,
    day: 1000 * hourMs,
    week: 2000 * hourMs,
    month: 9000 * hourMs,
  };
  const centre = pick(centres);
  const grid = pick([1, 60_000, hourMs, 24 * hourMs]);
  const align = (ms: number): number => Math.floor(ms / grid) * grid;
  const from = align(centre - random() * spanMs[interval]);
  const to = Math.max(from, align(centre + random() * spanMs[interval]) - 1);
  const timezone = pick(zones);
  // A date that a zone skipped (30 December 2011 in Apia) is an empty range, which is refused.
  const asDates = timezone !== "Pacific/Apia" && chance(0.3);
  const plain = chance(0.5);
  const filters = (): Filter[] =>
    plain || chance(0.5) ? [] : Array.from({ length: 1 + below(2) }, () => randomFilter(2));
  return {
    from: asDates ? new Date(from).toISOString().slice(0, 10) : from,
    to: asDates ? new Date(to).toISOString().slice(0, 10) : to,
    timezone,
    interval,
    week_start: pick(["monday", "sunday"] as const),
    filters: filters(),
    series: Array.from({ length: 1 + below(3) }, () => ({
      event: chance(0.3) ? null : pick(names),
      math: plain ? pick(trendMaths.slice(0, 3)) : pick(trendMaths),
      property: pick(["amount", "mixed", "nested.deep", "dotted.key"]),
      filters: filters(),
    })),
    ...(plain || chance(0.5) ? {} : { breakdown: { property: pick(properties), limit: 1 + below(4) } }),
    ...(chance(0.3) ? { compare: true } : {}),
  };
}

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
  events = Array.from({ length: 4000 }, randomEvent);
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
      const query = randomQuery();
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
        const answer = await answerTrends(request, {
          store,
          projectId,
          signal: new AbortController().signal,
          rollups,
        });
        for (const source of answer.sources) sources.add(source);
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
