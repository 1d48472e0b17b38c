// Random trends over a random world: joined ids, properties of users, cohorts. Whatever plan answers agrees with the
// reference, which counts persons.
import { Registry } from "prom-client";
import { afterAll, beforeAll, expect, it } from "vitest";
import { trendMaths, type TrendsQuery } from "#schemas/query/trends.ts";
import { createQueryMetrics } from "../../metrics.ts";
import { QueryRun } from "../../store/query-run.ts";
import { ReadOnlySettings } from "../../store/read-only.ts";
import { expectTrends } from "../../testing/compare-trends.ts";
import { createRandomWorld, worldEvents, worldZones, type World } from "../../testing/random-world.ts";
import { storeWorld } from "../../testing/store-world.ts";
import { createTestDatabase, type TestDatabase } from "../../testing/test-database.ts";
import { expectedTrends, type ReferenceData } from "../../testing/trends-reference.ts";
import { valueOf } from "../../testing/naive-reference.ts";
import type { RollupTable } from "../plan-slices.ts";
import { answerTrends } from "./answer.ts";
import { planSeries } from "./plan.ts";
import { readTrendsRequest, type Period } from "./request.ts";

const seed = Number(process.env["MILLRACE_TEST_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const cases = Number(process.env["MILLRACE_TEST_CASES"] ?? 100);
/** Queries that are asked of one world. */
const casesOfWorld = 50;

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.drop());

function referenceOf(world: World): ReferenceData {
  const cohorts = new Map(
    [...world.cohorts].map(([id, users]) => [id, new Set([...users].map((user) => world.personOf(user)))]),
  );
  return {
    events: world.events.map((event) => ({ ...event, user: world.personOf(event.user) })),
    matches: (event, filters) => world.matches(event, filters),
    valueOf: (event, { property, on }) =>
      on === "user" ? world.userValue(event.user, property) : valueOf(event, property),
    isMember: (event, id) => cohorts.get(id)?.has(event.user) === true,
  };
}

function randomQuery(world: World): TrendsQuery {
  const { random } = world;
  const instants = [world.randomInstant(), world.randomInstant()].sort((left, right) => left - right);
  const [from, to] = instants as [number, number];
  const days = (to - from) / 86_400_000;
  const interval = random.pick(
    days > 5 ? (["day", "week", "month"] as const) : (["hour", "day", "week", "month"] as const),
  );
  // Sets of people: what rollups answer by themselves.
  const sets = random.chance(0.4);
  const breakdown = random.pick([
    undefined,
    undefined,
    { property: "plan", on: "user" as const, limit: 1 + random.below(3) },
    { property: "age", on: "user" as const, limit: 1 + random.below(5) },
    { property: random.pick(["country", "mixed"]), limit: 1 + random.below(3) },
    { cohorts: random.shuffled(["c1", "c2"]).slice(random.below(2)) },
  ]);
  const cohort = () => ({ cohort: random.pick(["c1", "c2"]), negate: random.chance(0.5) });
  const filters = () =>
    sets
      ? random.times(random.below(3), () => (random.chance(0.4) ? { or: random.times(2, cohort) } : cohort()))
      : world.randomFilters();
  return {
    from,
    to,
    timezone: random.pick(worldZones),
    interval,
    week_start: random.pick(["monday", "sunday"] as const),
    filters: filters(),
    series: random.times(1 + random.below(2), () => ({
      event: random.chance(0.3) ? null : random.pick(worldEvents),
      math:
        sets || random.chance(0.5)
          ? random.pick(["unique_users", "per_user"] as const)
          : random.pick(trendMaths),
      property: random.pick(["amount", "mixed"]),
      filters: filters(),
    })),
    ...(sets || breakdown === undefined ? {} : { breakdown }),
    ...(random.chance(0.3) ? { compare: true } : {}),
  };
}

const choices: readonly (readonly RollupTable[] | undefined)[] = [undefined, ["rollup_hour"], []];

it(
  `counts people, whoever they are joined with (seed ${seed}, ${cases} cases)`,
  { timeout: 30_000 + cases * 1000 },
  async () => {
    const { clickhouse } = database;
    const metrics = createQueryMetrics(new Registry());
    const store = { clickhouse, metrics, readOnly: new ReadOnlySettings(clickhouse) };
    const sources = new Set<string>();
    let linesWithEvents = 0;
    for (let first = 0; first < cases; first += casesOfWorld) {
      const world = createRandomWorld(seed + first);
      // Each world is two projects.
      const projectId = 10 + (first / casesOfWorld) * 2;
      await storeWorld(database, projectId, world);
      const data = referenceOf(world);
      for (let index = first; index < Math.min(first + casesOfWorld, cases); index += 1) {
        const query = randomQuery(world);
        const what = `seed ${seed}, case ${index}: ${JSON.stringify(query)}`;
        const request = readTrendsRequest(query, Date.now());
        const expected = expectedTrends(data, query, request);
        linesWithEvents += expected.filter(({ line }) => (line.total ?? 0) !== 0).length;
        // Rollups make a difference only where they are used.
        const fromSlices = request.series.some(
          (series) => planSeries(request, series, request.periods[0] as Period, {}).kind === "slices",
        );
        for (const rollups of fromSlices ? choices : [undefined]) {
          const signal = new AbortController().signal;
          const run = new QueryRun({ store, projectId, signal, people: world.people });
          expectTrends((await answerTrends(request, run, { rollups })).series, expected, what);
          for (const source of run.source.split("+")) sources.add(source);
        }
      }
    }
    // Random queries that mostly miss all events would prove little.
    expect(linesWithEvents).toBeGreaterThan(cases);
    if (cases >= 100) {
      expect([...sources]).toEqual(expect.arrayContaining(["events", "rollup_day", "rollup_hour", "steps"]));
    }
  },
);
