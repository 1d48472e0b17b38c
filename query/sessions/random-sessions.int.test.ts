// Sessions of a random world against sessions that are made of its events one by one: people whose ids were joined,
// equal instants, events that arrive late, pauses of every length, chains without a pause for more than a day.
import { Registry } from "prom-client";
import { afterAll, beforeAll, expect, it } from "vitest";
import { sessionEvents, sessionProperties, type SessionEvent } from "#schemas/query/sessions.ts";
import { trendMaths, type TrendsQuery } from "#schemas/query/trends.ts";
import { answerTrends } from "../events/trends/answer.ts";
import { readTrendsRequest } from "../events/trends/request.ts";
import { createQueryMetrics } from "../metrics.ts";
import { QueryRun } from "../store/query-run.ts";
import { ReadOnlySettings } from "../store/read-only.ts";
import { expectTrends } from "../testing/compare-trends.ts";
import { valueOf, type ReferenceEvent } from "../testing/naive-reference.ts";
import { createRandomWorld, worldFromMs, worldZones, type World } from "../testing/random-world.ts";
import { storeWorld } from "../testing/store-world.ts";
import { createTestDatabase, type TestDatabase } from "../testing/test-database.ts";
import { expectedTrends, type ReferenceData } from "../testing/trends-reference.ts";

const seed = Number(process.env["MILLRACE_TEST_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const cases = Number(process.env["MILLRACE_TEST_CASES"] ?? 100);
const casesOfWorld = 25;
const dayMs = 86_400_000;
const minuteMs = 60_000;
/** Days that the world's events lie in: often enough for sessions of several events, and for chains of days. */
const days = 6;

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

/** The world's events, closer together. */
function denser(world: World): World {
  const shrunk = 49 / days;
  const events = world.events.map((event) => ({
    ...event,
    timestampMs: worldFromMs + Math.floor((event.timestampMs - worldFromMs) / shrunk),
  }));
  // One person never pauses.
  const restless = world.random.times(250, (index) => ({
    ...world.random.pick(events),
    user: 39,
    timestampMs: worldFromMs + index * 29 * minuteMs,
  }));
  return { ...world, events: [...events, ...restless] };
}

interface Session extends ReferenceEvent {
  /** Name of its first event: what a filter on `$event` looks at. */
  readonly firstEvent: string;
}

function sessionsOf(world: World, name: SessionEvent, idleMs: number): Session[] {
  const rows = world.events.map((event, index) => ({ event, id: String(index) }));
  const people = Map.groupBy(rows, ({ event }) => world.personOf(event.user));
  return [...people].flatMap(([person, all]) => {
    const sorted = all.sort(
      (left, right) =>
        left.event.timestampMs - right.event.timestampMs ||
        Buffer.compare(Buffer.from(left.id), Buffer.from(right.id)),
    );
    const chains: ReferenceEvent[][] = [];
    for (const { event } of sorted) {
      const last = chains.at(-1)?.at(-1);
      if (last !== undefined && event.timestampMs - last.timestampMs <= idleMs) chains.at(-1)?.push(event);
      else chains.push([event]);
    }
    return chains.map((chain): Session => {
      const [begin, end] = [chain[0] as ReferenceEvent, chain.at(-1) as ReferenceEvent];
      const seen = chain.filter(({ timestampMs }) =>
        name === "$session_start"
          ? timestampMs <= begin.timestampMs + dayMs
          : timestampMs >= end.timestampMs - dayMs,
      );
      const [first, last] = [seen[0] as ReferenceEvent, seen.at(-1) as ReferenceEvent];
      return {
        ...first,
        event: name,
        user: person,
        timestampMs: name === "$session_start" ? begin.timestampMs : end.timestampMs,
        firstEvent: first.event,
        properties: {
          ...first.properties,
          $session_duration: (last.timestampMs - first.timestampMs) / 1000,
          $session_events: seen.length,
          $session_entry_event: first.event,
          $session_exit_event: last.event,
        },
      };
    });
  });
}

function referenceOf(world: World, events: readonly Session[]): ReferenceData {
  const members = new Map(
    [...world.cohorts].map(([id, users]) => [id, new Set([...users].map((user) => world.personOf(user)))]),
  );
  return {
    events,
    matches: (event, filters) => world.matches({ ...event, event: (event as Session).firstEvent }, filters),
    valueOf: (event, { property, on }) =>
      on === "user" ? world.userValue(event.user, property) : valueOf(event, property),
    isMember: (event, id) => members.get(id)?.has(event.user) === true,
  };
}

function randomQuery(world: World): TrendsQuery {
  const { random } = world;
  const instant = (): number => {
    const at = worldFromMs + Math.floor((random.next() * (days + 1) - 0.5) * dayMs);
    return random.chance(0.5) ? at - (at % dayMs) : at;
  };
  const [from, to] = [instant(), instant()].sort((left, right) => left - right) as [number, number];
  const breakdown = random.pick([
    undefined,
    undefined,
    {
      property: random.pick(["country", "$browser", ...sessionProperties.slice(0, 4)]),
      limit: 1 + random.below(4),
    },
    { property: "plan", on: "user" as const, limit: 3 },
    { cohorts: ["c1", "c2"] },
  ]);
  return {
    from,
    to: Math.max(to, from + 1),
    timezone: random.pick(worldZones),
    interval: random.pick(["hour", "day", "week"] as const),
    filters: random.chance(0.5) ? [] : world.randomFilters(),
    series: [
      {
        event: random.pick(sessionEvents),
        math: random.chance(0.4)
          ? random.pick(["total", "unique_users", "per_user"] as const)
          : random.pick(trendMaths),
        property: random.pick(["$session_duration", "$session_events", "amount"]),
      },
    ],
    ...(breakdown === undefined ? {} : { breakdown }),
  };
}

it(`are those of the events (seed ${seed}, ${cases} cases)`, { timeout: 60_000 + cases * 1000 }, async () => {
  const { clickhouse } = database;
  const store = {
    clickhouse,
    metrics: createQueryMetrics(new Registry()),
    readOnly: new ReadOnlySettings(clickhouse),
  };
  let sessions = 0;
  let ofSeveral = 0;
  for (let first = 0; first < cases; first += casesOfWorld) {
    const world = denser(createRandomWorld(seed + first));
    const projectId = 10 + (first / casesOfWorld) * 2;
    await storeWorld(database, projectId, world);
    for (let index = first; index < Math.min(first + casesOfWorld, cases); index += 1) {
      const sessionIdleMs = world.random.pick([1, 5, 30, 60, 720, 1440]) * minuteMs;
      const query = randomQuery(world);
      const what = `seed ${seed}, case ${index}: ${sessionIdleMs} ${JSON.stringify(query)}`;
      const request = readTrendsRequest(query, Date.now());
      const name = query.series[0]?.event as SessionEvent;
      const all = sessionsOf(world, name, sessionIdleMs);
      sessions += all.length;
      ofSeveral += all.filter(({ properties }) => (properties["$session_events"] as number) > 1).length;
      const expected = expectedTrends(referenceOf(world, all), query, request);
      const people = { ...world.people, sessionIdleMs };
      const run = new QueryRun({ store, projectId, signal: new AbortController().signal, people });
      expectTrends((await answerTrends(request, run)).series, expected, what);
    }
  }
  expect(sessions).toBeGreaterThan(cases);
  expect(ofSeveral).toBeGreaterThan(cases);
});
