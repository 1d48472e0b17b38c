// Random events and random queries: every plan that can answer a query agrees with the naive reference.
import { Registry } from "prom-client";
import { afterAll, beforeAll, expect, it } from "vitest";
import { nobodyJoined } from "../../people/people.ts";
import { QueryRun } from "../../store/query-run.ts";
import { ReadOnlySettings } from "../../store/read-only.ts";
import { createRandomTrends } from "../../testing/random-trends.ts";
import { createTestDatabase, storeTime, type TestDatabase } from "../../testing/test-database.ts";
import { createQueryMetrics } from "../../metrics.ts";
import type { ValueSource } from "../../sql/value-text.ts";
import { expectTrends } from "../../testing/compare-trends.ts";
import { expectedTrends } from "../../testing/trends-reference.ts";
import { matches, valueOf, type ReferenceEvent } from "../../testing/naive-reference.ts";
import type { RollupTable } from "../plan-slices.ts";
import { answerTrends } from "./answer.ts";
import { readTrendsRequest } from "./request.ts";

const seed = Number(process.env["MILLRACE_TEST_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const cases = Number(process.env["MILLRACE_TEST_CASES"] ?? 150);
const projectId = 7;
const random = createRandomTrends(seed);

let database: TestDatabase;
let events: ReferenceEvent[];

/** Nobody is joined here: see random-trends-people.int.test.ts. */
const reference = {
  get events() {
    return events;
  },
  matches,
  valueOf: (event: ReferenceEvent, source: ValueSource) => valueOf(event, source.property),
  isMember: () => false,
};

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
      const expected = expectedTrends(reference, query, request);
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
        const answer = await answerTrends(request, run, { rollups });
        for (const source of run.source.split("+")) sources.add(source);
        expectTrends(answer.series, expected, what);
      }
    }
    // Random queries that mostly miss all events would prove little.
    expect(linesWithEvents).toBeGreaterThan(cases);
    if (cases >= 100) {
      expect([...sources].sort()).toEqual(["events", "rollup_day", "rollup_hour", "rollup_minute", "steps"]);
    }
  },
);
