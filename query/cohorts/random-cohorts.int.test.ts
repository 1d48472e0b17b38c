// Random definitions over random worlds: the statement finds exactly the people that the naive reference does.
import { Registry } from "prom-client";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createQueryMetrics } from "../metrics.ts";
import { QueryRun } from "../store/query-run.ts";
import { ReadOnlySettings } from "../store/read-only.ts";
import { createRandomWorld, type World } from "../testing/random-world.ts";
import { storeWorld } from "../testing/store-world.ts";
import { createTestDatabase, type TestDatabase } from "../testing/test-database.ts";
import { compileDefinition } from "./compile-definition.ts";
import { expectedMembers, randomDefinition, type TestDefinition } from "../testing/cohort-reference.ts";
import { readDefinition } from "./read-definition.ts";

const seed = Number(process.env["MILLRACE_TEST_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const cases = Number(process.env["MILLRACE_TEST_CASES"] ?? 100);
const worlds = 4;

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.drop());

async function members(
  world: World,
  projectId: number,
  definition: TestDefinition,
  nowMs: number,
): Promise<number[]> {
  const { root } = readDefinition(definition, "definition", nowMs);
  const { sql, parameters } = compileDefinition(root, world.people);
  const { clickhouse } = database;
  const run = new QueryRun({
    store: {
      clickhouse,
      metrics: createQueryMetrics(new Registry()),
      readOnly: new ReadOnlySettings(clickhouse),
    },
    projectId,
    signal: new AbortController().signal,
    people: world.people,
  });
  const rows = await run.rows(
    { step: "members", sources: [] },
    { sql: `SELECT arraySort(bitmapToArray(users)) FROM (${sql})`, parameters },
  );
  return rows[0]?.[0] as number[];
}

function isTooFew(drawn: number, several: number, severalMin: number): boolean {
  return several < severalMin && drawn < (4 * cases) / worlds;
}

it(
  `agrees with the reference (seed ${seed}, ${cases} cases)`,
  { timeout: 30_000 + cases * 1000 },
  async () => {
    let several = 0;
    for (let index = 0; index < worlds; index += 1) {
      const world = createRandomWorld(seed + index);
      const projectId = 10 * (index + 1);
      await storeWorld(database, projectId, world);
      // More than asked for where most of them mean nobody or everybody: those would prove little.
      const severalMin = ((index + 1) * cases) / worlds / 4;
      for (let each = 0; each < cases / worlds || isTooFew(each, several, severalMin); each += 1) {
        const definition = randomDefinition(world, 3);
        const nowMs = world.randomInstant();
        const what = `seed ${seed}, world ${index}, case ${each}, now ${nowMs}: ${JSON.stringify(definition)}`;
        const expected = expectedMembers(world, definition, nowMs);
        expect(await members(world, projectId, definition, nowMs), what).toEqual(expected);
        if (expected.length > 1 && expected.length < 25) several += 1;
      }
    }
    expect(several).toBeGreaterThan(cases / 5);
  },
);
