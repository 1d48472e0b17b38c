// What may be late while more is asked than can be answered, for how long, and what never is.
import { Registry } from "prom-client";
import type pg from "pg";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { createClickHouse, type ClickHouse } from "#ops/runtime/clickhouse.ts";
import { createLogger } from "#ops/runtime/log.ts";
import type { Postgres } from "#ops/runtime/postgres.ts";
import { createQueryMetrics } from "../metrics.ts";
import { ReadOnlySettings } from "../store/read-only.ts";
import { storeTime } from "../testing/test-database.ts";
import { base, projectId, row, startTestTier, type TestTier } from "../testing/test-tier.ts";
import { Answers, type Lateness, type Question } from "./answers.ts";
import { KeptAnswers } from "./kept-answers.ts";
import { createCacheMetrics } from "./metrics.ts";

const dayMs = 86_400_000;
const lateMs = 3_000;
let tier: TestTier;
let clickhouse: ClickHouse;
let answers: Answers;
let lateness: Lateness;
let made = 0;

beforeAll(async () => {
  tier = await startTestTier(inject("servers").postgresUrl);
  await tier.postgres.query(
    `INSERT INTO projects (id, public_id, name) OVERRIDING SYSTEM VALUE VALUES (${projectId}, 'p', 'p')`,
  );
  clickhouse = createClickHouse(tier.database.readUrl, { name: "test", connectionsMax: 4 });
  const kept = new KeptAnswers({ bytesMax: 1_000_000 });
  answers = new Answers({
    store: {
      clickhouse,
      readOnly: new ReadOnlySettings(clickhouse),
      metrics: createQueryMetrics(new Registry()),
    },
    postgres: tier.postgres as pg.Client as unknown as Postgres,
    kept,
    shared: undefined,
    lateness: () => lateness,
    metrics: createCacheMetrics(new Registry(), () => kept.bytes),
    log: createLogger({ level: "error", name: "test" }),
  });
});

afterAll(async () => {
  await clickhouse?.close();
  await tier?.stop();
});

/** Asked `afterMs` after the first of them, by a clock of its own. */
async function ask(name: string, afterMs: number, more: Partial<Question> = {}): Promise<[number, string]> {
  const nowMs = base + afterMs;
  const state = await answers.stateOf(projectId);
  const { value, cache } = await answers.find(
    {
      name: { name, endsNow: false },
      projectId,
      nowMs,
      scope: { events: ["order"], fromMs: base, endMs: base + dayMs, rows: false },
      people: { merged: state.merged, cohorts: new Map() },
      userProperties: [],
      state,
      asOf: new Date(nowMs).toISOString(),
      signal: new AbortController().signal,
      ...more,
    },
    async () => {
      made += 1;
      return { value: made, asOf: new Date(nowMs).toISOString() };
    },
  );
  return [value, cache];
}

const addEvent = (): Promise<void> =>
  tier.database.insertEvents([
    { ...row(0), timestamp: storeTime(base + 60_000), event_id: `late-${made}-${Math.random()}` },
  ]);

it("events may, for as long as is allowed, and only while it is", async () => {
  lateness = { eventsMs: lateMs, peopleMs: lateMs };
  const [first] = await ask("events", 0);
  await addEvent();
  expect(await ask("events", 900)).toEqual([first, "hit"]);
  expect((await ask("events", lateMs + 1))[1]).toBe("miss");
  await addEvent();
  lateness = { eventsMs: 0, peopleMs: 0 };
  expect((await ask("events", lateMs + 2))[1]).toBe("miss");
});

it("what is asked again is made meanwhile, once it is a third of that old", async () => {
  lateness = { eventsMs: lateMs, peopleMs: lateMs };
  const [first] = await ask("again", 0);
  await addEvent();
  expect(await ask("again", lateMs / 3 + 1)).toEqual([first, "hit"]);
  for (let tries = 0; tries < 200 && made === first; tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect((await ask("again", lateMs / 3 + 2))[0]).toBeGreaterThan(first);
});

it("joined ids and properties may too, but not where only events may", async () => {
  lateness = { eventsMs: lateMs, peopleMs: lateMs };
  const properties = { userProperties: ["plan"] };
  const [first] = await ask("people", 0);
  const [ofPlan] = await ask("plan", 0, properties);
  await tier.postgres.query(
    `INSERT INTO user_persons (project_id, user_number, person_number) VALUES (${projectId}, 1, 0)`,
  );
  await tier.database.clickhouse.insert({
    table: "persons",
    values: [{ project_id: projectId, user_number: 1, person_number: 0, version: 1 }],
    format: "JSONEachRow",
    clickhouse_settings: { async_insert: 0 },
  });
  await tier.postgres.query("UPDATE log_partitions SET committed_sequence = committed_sequence + 1");
  expect(await ask("people", 10)).toEqual([first, "hit"]);
  expect(await ask("plan", 10, properties)).toEqual([ofPlan, "hit"]);
  lateness = { eventsMs: lateMs, peopleMs: 0 };
  expect((await ask("people", 20))[1]).toBe("miss");
  expect((await ask("plan", 20, properties))[1]).toBe("miss");
});

it("events that were taken away never are", async () => {
  lateness = { eventsMs: lateMs, peopleMs: lateMs };
  await ask("taken away", 0);
  await tier.postgres.query(`UPDATE projects SET answers_epoch = answers_epoch + 1 WHERE id = ${projectId}`);
  expect((await ask("taken away", 10))[1]).toBe("miss");
});
