// Random paths over a random world agree with the reference, in one part and in many.
import { Registry } from "prom-client";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { PathsQuery } from "#schemas/query/paths.ts";
import { createQueryMetrics } from "../../metrics.ts";
import { QueryRun } from "../../store/query-run.ts";
import { ReadOnlySettings } from "../../store/read-only.ts";
import { expectedPaths } from "../../testing/paths-reference.ts";
import { createRandomWorld, worldEvents, worldZones, type World } from "../../testing/random-world.ts";
import { storeWorld } from "../../testing/store-world.ts";
import { createTestDatabase, type TestDatabase } from "../../testing/test-database.ts";
import { answerPaths } from "./answer.ts";
import { readPathsRequest } from "./request.ts";

const seed = Number(process.env["MILLRACE_TEST_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const cases = Number(process.env["MILLRACE_TEST_CASES"] ?? 150);
/** Queries that are asked of one world. */
const casesOfWorld = 75;

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.drop());

function randomQuery(world: World): PathsQuery {
  const { random } = world;
  const [from, to] = [world.randomInstant(), world.randomInstant()].sort((left, right) => left - right) as [
    number,
    number,
  ];
  const names = (): string[] => random.shuffled(worldEvents).slice(0, 1 + random.below(3));
  const include = random.chance(0.3) ? names() : undefined;
  const exclude = random.chance(0.3) ? names() : undefined;
  // Nothing left of `include` is refused.
  const clash = include?.every((name) => exclude?.includes(name) === true) === true;
  return {
    from,
    to,
    timezone: random.pick(worldZones),
    filters: random.chance(0.5) ? [] : world.randomFilters(),
    ...(random.chance(0.2)
      ? {}
      : {
          anchor: {
            event: random.chance(0.3) ? null : random.pick(worldEvents),
            filters: random.chance(0.6) ? [] : world.randomFilters(),
          },
        }),
    direction: random.pick(["next", "previous"] as const),
    steps: 1 + random.below(random.pick([3, 10])),
    ...(include === undefined ? {} : { include }),
    ...(exclude === undefined || clash ? {} : { exclude }),
    ...(random.chance(0.4) ? { within_seconds: random.pick([1, 3600, 86_400, 20 * 86_400]) } : {}),
    collapse_repeats: random.chance(0.4),
    occurrence: random.pick(["first", "every"] as const),
    ...(random.chance(0.5) ? { node_limit: 1 + random.below(12) } : {}),
    ...(random.chance(0.5) ? { edge_limit: 1 + random.below(20) } : {}),
  };
}

it(
  `agrees with the reference (seed ${seed}, ${cases} cases)`,
  { timeout: 30_000 + cases * 1000 },
  async () => {
    const { clickhouse } = database;
    const metrics = createQueryMetrics(new Registry());
    const store = { clickhouse, metrics, readOnly: new ReadOnlySettings(clickhouse) };
    const signal = new AbortController().signal;
    let withPaths = 0;
    let ended = 0;
    for (let first = 0; first < cases; first += casesOfWorld) {
      // Few instants for many events: equal timestamps are the rule.
      const world = createRandomWorld(seed + first, { events: first % 2 === 0 ? 1500 : 400 });
      const projectId = 10 + (first / casesOfWorld) * 2;
      await storeWorld(database, projectId, world);
      const events = world.events.map((event) => ({ ...event, user: world.personOf(event.user) }));
      for (let index = first; index < Math.min(first + casesOfWorld, cases); index += 1) {
        const query = randomQuery(world);
        const what = `seed ${seed}, case ${index}: ${JSON.stringify(query)}`;
        const request = readPathsRequest(query, Date.now());
        const expected = expectedPaths(
          { events, matches: (event, filters) => world.matches(event, filters) },
          request,
        );
        for (const eventsOfPart of [undefined, index % 10 === 0 ? 40 : 500]) {
          const run = new QueryRun({ store, projectId, signal, people: world.people });
          expect(await answerPaths(request, run, eventsOfPart), what).toEqual(expected);
        }
        if (expected.paths_total > 0) withPaths += 1;
        if (expected.nodes.some(({ event }) => event === "$end" || event === "$start")) ended += 1;
      }
    }
    // Random queries that mostly find nothing would prove little.
    expect(withPaths).toBeGreaterThan(cases / 2);
    expect(ended).toBeGreaterThan(cases / 5);
  },
);
