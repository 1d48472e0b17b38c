// Filters on users and cohorts, and the persons behind joined ids, against the plain meaning of a random world.
import { Registry } from "prom-client";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createQueryMetrics } from "../metrics.ts";
import { eventConditions } from "../events/event-conditions.ts";
import { tableOf } from "../sql/filters.ts";
import { Parameters } from "../sql/parameters.ts";
import { fromTable } from "../sql/scope.ts";
import { valueTextSql } from "../sql/value-text.ts";
import { ReadOnlySettings } from "../store/read-only.ts";
import { runStatement, type Store } from "../store/run-statement.ts";
import { createRandomWorld } from "../testing/random-world.ts";
import { storeWorld } from "../testing/store-world.ts";
import { createTestDatabase, type TestDatabase } from "../testing/test-database.ts";
import { textOf } from "../testing/naive-reference.ts";
import { personsOfSql, personSql } from "./person-sql.ts";

const seed = Number(process.env["MILLRACE_TEST_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const cases = Number(process.env["MILLRACE_TEST_CASES"] ?? 120);
const worlds = 3;
const signal = new AbortController().signal;

let database: TestDatabase;
let store: Store;

beforeAll(async () => {
  database = await createTestDatabase();
  const { clickhouse } = database;
  store = {
    clickhouse,
    metrics: createQueryMetrics(new Registry()),
    readOnly: new ReadOnlySettings(clickhouse),
  };
});

afterAll(() => database.drop());

it(
  `persons, user properties and cohorts agree with the reference (seed ${seed}, ${cases} cases)`,
  { timeout: 60_000 + cases * 500 },
  async () => {
    let matched = 0;
    let joined = 0;
    for (let at = 0; at < worlds; at += 1) {
      const world = createRandomWorld(seed + at, { events: 600, joined: at === 0 });
      const projectId = 10 + at * 2;
      await storeWorld(database, projectId, world);
      joined += world.persons.size;
      for (let index = 0; index < cases / worlds; index += 1) {
        const filters = world.randomFilters();
        const what = `seed ${seed}, world ${at}, case ${index}: ${JSON.stringify(filters)}`;
        const context = { parameters: new Parameters(), people: world.people };
        const table = tableOf(filters);
        const person = personSql(world.people);
        const from = fromTable(table, eventConditions({ event: null, filters }, context));
        const plan = valueTextSql({ property: "plan", on: "user" }, context);
        const bitmap = `bitmapToArray(${personsOfSql(world.people, "(groupBitmapState(user_number))")})`;
        const { rows } = await runStatement(
          store,
          {
            sql: `SELECT count(), arraySort(groupUniqArray(${person})), arraySort(${bitmap}),
              arraySort(groupUniqArray((${person}, ifNull(${plan}, '-')))) ${from}`,
            parameters: context.parameters.values,
          },
          { projectId, signal },
        );
        const events = world.events.filter((event) => world.matches(event, filters));
        const persons = [...new Set(events.map((event) => world.personOf(event.user)))].sort((a, b) => a - b);
        matched += events.length;
        expect(rows[0]?.[0], what).toBe(events.length);
        expect(rows[0]?.[1], what).toEqual(persons);
        expect(rows[0]?.[2], what).toEqual(persons);
        expect(rows[0]?.[3], what).toEqual(
          persons.map((each) => [each, textOf(world.userValue(each, "plan")) ?? "-"]),
        );
      }
    }
    // Worlds without joins, or filters that match nothing, would prove little.
    expect(matched).toBeGreaterThan(cases * 10);
    expect(joined).toBeGreaterThan(0);
  },
);
