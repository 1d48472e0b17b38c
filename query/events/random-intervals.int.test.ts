// Random retention, stickiness and lifecycle over random worlds: joined ids, properties of users, cohorts, changes of
// the clock. Whatever tables answer agree with the plain reference.
import { afterAll, beforeAll, expect, it } from "vitest";
import type { EventSelection } from "#schemas/query/event-selection.ts";
import type { Filter } from "#schemas/query/filter.ts";
import type { LifecycleQuery } from "#schemas/query/lifecycle.ts";
import type { RetentionQuery } from "#schemas/query/retention.ts";
import type { StickinessQuery } from "#schemas/query/stickiness.ts";
import type { QueryRun } from "../store/query-run.ts";
import type { Store } from "../store/run-statement.ts";
import {
  expectedLifecycle,
  expectedRetention,
  expectedStickiness,
  type IntervalData,
} from "../testing/interval-reference.ts";
import { runOn, storeOf } from "../testing/run-query.ts";
import { createRandomWorld, worldEvents, worldZones, type World } from "../testing/random-world.ts";
import { storeWorld } from "../testing/store-world.ts";
import { createTestDatabase, type TestDatabase } from "../testing/test-database.ts";
import { answerLifecycle } from "./lifecycle/lifecycle.ts";
import { readLifecycleRequest } from "./lifecycle/request.ts";
import type { RollupTable } from "./plan-slices.ts";
import { readRetentionRequest, readRetentionUsersRequest, writeCursor } from "./retention/request.ts";
import { answerRetention } from "./retention/retention.ts";
import { readRow } from "./retention/retention-users.ts";
import { readStickinessRequest } from "./stickiness/request.ts";
import { answerStickiness } from "./stickiness/stickiness.ts";

const seed = Number(process.env["MILLRACE_TEST_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const cases = Number(process.env["MILLRACE_TEST_CASES"] ?? 80);
/** Queries of each kind that are asked of one world. */
const casesOfWorld = 40;
/** What may be used instead of the rollups that fit best: each gives the same answer. */
const otherRollups: readonly (readonly RollupTable[])[] = [["rollup_hour"], []];
const nowMs = Date.UTC(2026, 10, 1);

let database: TestDatabase;
let store: Store;

beforeAll(async () => {
  database = await createTestDatabase();
  store = storeOf(database);
});

afterAll(() => database.drop());

function dataOf(world: World): IntervalData {
  const cohorts = new Map(
    [...world.cohorts].map(([id, users]) => [id, new Set([...users].map((user) => world.personOf(user)))]),
  );
  return {
    events: world.events.map((event) => ({ ...event, user: world.personOf(event.user) })),
    matches: (event, filters) => world.matches(event, filters),
    userValue: (person, property) => world.userValue(person, property),
    isMember: (person, id) => cohorts.get(id)?.has(person) === true,
  };
}

function randomFilters(world: World): Filter[] {
  const { random } = world;
  if (random.chance(0.5)) return [];
  // Sets of people are cut out of rollups, everything else is read from rows.
  const cohort = () => ({ cohort: random.pick(["c1", "c2"]), negate: random.chance(0.5) });
  return random.chance(0.3) ? random.times(1 + random.below(2), cohort) : world.randomFilters();
}

function randomSelection(world: World): EventSelection {
  const { random } = world;
  const event = random.chance(0.2) ? null : random.pick(worldEvents);
  return random.chance(0.5) ? { event } : { event, filters: randomFilters(world) };
}

function randomCalendar({ random }: World) {
  return {
    timezone: random.pick(worldZones),
    week_start: random.pick(["monday", "sunday"] as const),
  };
}

/** Long enough for the interval that something happens in it, short enough that the reference is quick. */
function randomRange(world: World): {
  from: number;
  to: number;
  interval: "hour" | "day" | "week" | "month";
} {
  const { random } = world;
  const interval = random.pick(["hour", "day", "day", "week", "month"] as const);
  const from = world.randomInstant();
  const spanMs = { hour: 2, day: 20, week: 50, month: 50 }[interval] * 86_400_000;
  const to =
    interval === "hour" || random.chance(0.5)
      ? from + Math.floor(random.next() * spanMs)
      : world.randomInstant();
  return { from: Math.min(from, to), to: Math.max(from, to), interval };
}

type RandomRetention = RetentionQuery & { from: number; periods: number; to?: number };

function randomRetention(world: World): RandomRetention {
  const { random } = world;
  const { from, to, interval } = randomRange(world);
  const breakdown = random.pick([
    undefined,
    undefined,
    { property: random.pick(["country", "mixed", "$browser", "missing"]), limit: 1 + random.below(4) },
    { property: "plan", on: "user" as const, limit: 1 + random.below(3) },
    { cohorts: random.shuffled(["c1", "c2"]).slice(random.below(2)) },
  ]);
  return {
    from,
    ...(random.chance(0.5) ? { to } : {}),
    ...randomCalendar(world),
    period: interval,
    periods: 1 + random.below(interval === "hour" ? 30 : 12),
    type: random.pick(["recurring", "first_time"] as const),
    target: randomSelection(world),
    ...(random.chance(0.7) ? { returning: randomSelection(world) } : {}),
    filters: random.chance(0.3) ? randomFilters(world) : [],
    cumulative: random.chance(0.3),
    min_occurrences: random.chance(0.3) ? 1 + random.below(3) : 1,
    ...(breakdown === undefined ? {} : { breakdown }),
  };
}

/** Runs `test` for every case with a world that is stored, and with every choice of tables. */
async function forEachCase(
  testNumber: number,
  check: (world: World, data: IntervalData, what: string, runs: () => Asked[]) => Promise<void>,
): Promise<void> {
  const sources = new Set<string>();
  for (let first = 0; first < cases; first += casesOfWorld) {
    const world = createRandomWorld(seed + testNumber * 1000 + first, { events: 700 });
    const projectId = 1000 * testNumber + 10 + (first / casesOfWorld) * 2;
    await storeWorld(database, projectId, world);
    const data = dataOf(world);
    for (let index = first; index < Math.min(first + casesOfWorld, cases); index += 1) {
      const asked: Asked[] = [];
      await check(world, data, `seed ${seed}, case ${index}`, () => {
        const runs = [undefined, world.random.pick(otherRollups)].map((rollups) => ({
          rollups,
          run: runOn(store, projectId, world.people),
        }));
        asked.push(...runs);
        return runs;
      });
      for (const { run } of asked) for (const source of run.source.split("+")) sources.add(source);
    }
  }
  if (cases >= 80) {
    expect([...sources]).toEqual(expect.arrayContaining(["events", "rollup_day", "rollup_hour", "steps"]));
  }
}

interface Asked {
  readonly rollups: readonly RollupTable[] | undefined;
  readonly run: QueryRun;
}

const timeout = 60_000 + cases * 1000;

it(`retention agrees with the reference (seed ${seed}, ${cases} cases)`, { timeout }, async () => {
  let returned = 0;
  await forEachCase(1, async (world, data, which, runs) => {
    const query = randomRetention(world);
    const what = `${which}: ${JSON.stringify(query)}`;
    const request = readRetentionRequest(query, nowMs);
    const { cohorts, breakdowns, people } = expectedRetention(data, query);
    returned += cohorts.reduce((sum, row) => sum + (row.returned[1] ?? 0), 0);
    for (const { rollups, run } of runs()) {
      const answer = await answerRetention(request, run, { rollups });
      expect(answer.cohorts, what).toEqual(cohorts);
      expect(answer.breakdowns, what).toEqual(breakdowns);
    }

    const row = world.random.below(query.periods);
    const limit = 2 + world.random.below(30);
    const expected = [...(people[row] ?? [])].sort(([left], [right]) => left - right);
    const { rollups, run } = world.random.pick(runs());
    const got: [number, number[]][] = [];
    for (let next: number | undefined = 0; next !== undefined;) {
      const cursor = writeCursor(next);
      const usersRequest = readRetentionUsersRequest({ ...query, row, limit, cursor }, nowMs);
      const page = await readRow(usersRequest, run, { rollups });
      expect(page.persons.length, what).toBe(Math.min(limit, expected.length - got.length));
      got.push(...page.persons.map(({ person, returned }): [number, number[]] => [person, returned]));
      next = page.next;
    }
    expect(got, `${what} row ${row} limit ${limit}`).toEqual(expected);
  });
  // Random queries that mostly miss all events would prove little.
  expect(returned).toBeGreaterThan(cases);
});

it(`stickiness agrees with the reference (seed ${seed}, ${cases} cases)`, { timeout }, async () => {
  let several = 0;
  await forEachCase(2, async (world, data, which, runs) => {
    const { from, to, interval } = randomRange(world);
    const series = world.random.times(1 + world.random.below(2), () => randomSelection(world));
    const query: StickinessQuery & { from: number; to: number } = {
      from,
      to,
      ...randomCalendar(world),
      interval,
      filters: world.random.chance(0.3) ? randomFilters(world) : [],
      series,
    };
    const what = `${which}: ${JSON.stringify(query)}`;
    const request = readStickinessRequest(query, nowMs);
    const expected = series.map((each) => expectedStickiness(data, each, query));
    for (const counts of expected)
      for (const [intervals, users] of counts) if (intervals > 1) several += users;
    for (const { rollups, run } of runs()) {
      const answer = await answerStickiness(request, run, { rollups });
      const got = answer.series.map(
        ({ counts }) =>
          new Map(counts.flatMap(({ intervals, users }) => (users > 0 ? [[intervals, users]] : []))),
      );
      expect(got, what).toEqual(expected);
      for (const { counts, total } of answer.series) {
        expect(
          counts.map((each) => each.intervals),
          what,
        ).toEqual(Array.from({ length: answer.intervals }, (_, index) => index + 1));
        counts.forEach(({ users_at_least }, index) =>
          expect(users_at_least, what).toBe(counts.slice(index).reduce((sum, each) => sum + each.users, 0)),
        );
        expect(total, what).toBe(counts[0]?.users_at_least);
      }
    }
  });
  expect(several).toBeGreaterThan(cases);
});

it(`lifecycle agrees with the reference (seed ${seed}, ${cases} cases)`, { timeout }, async () => {
  const seen = { new: 0, returning: 0, resurrecting: 0, dormant: 0 };
  await forEachCase(3, async (world, data, which, runs) => {
    const { from, to, interval } = randomRange(world);
    const query: LifecycleQuery & { from: number; to: number } = {
      from,
      to,
      ...randomCalendar(world),
      interval,
      ...randomSelection(world),
    };
    const what = `${which}: ${JSON.stringify(query)}`;
    const request = readLifecycleRequest(query, nowMs);
    const expected = expectedLifecycle(data, query);
    for (const kind of Object.keys(seen) as (keyof typeof seen)[]) {
      seen[kind] += Math.abs(expected[kind].reduce((sum, value) => sum + value, 0));
    }
    for (const { rollups, run } of runs()) {
      expect(await answerLifecycle(request, run, { rollups }), what).toEqual(expected);
    }
  });
  for (const count of Object.values(seen)) expect(count).toBeGreaterThan(cases);
});
