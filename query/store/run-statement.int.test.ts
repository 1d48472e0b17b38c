// What a statement may not do: write, take more than its budget, run on for a caller that left.
import { Registry } from "prom-client";
import { afterAll, beforeAll, expect, it } from "vitest";
import { MillraceError, type ErrorCode } from "#schemas/errors.ts";
import { createClickHouse } from "#ops/runtime/clickhouse.ts";
import { createQueryMetrics } from "../metrics.ts";
import { createTestDatabase, type TestDatabase } from "../testing/test-database.ts";
import { ReadOnlySettings } from "./read-only.ts";
import { runStatement, type Store } from "./run-statement.ts";

let database: TestDatabase;
let stores: { name: string; store: Store }[];

function storeAt(url: string): Store {
  const clickhouse = createClickHouse(url, { name: "test" });
  return {
    clickhouse,
    readOnly: new ReadOnlySettings(clickhouse),
    metrics: createQueryMetrics(new Registry()),
  };
}

async function codeOf(
  store: Store,
  sql: string,
  signal = new AbortController().signal,
): Promise<ErrorCode | "ok"> {
  try {
    await runStatement(store, { sql, parameters: {} }, { projectId: 1, signal });
    return "ok";
  } catch (error) {
    if (error instanceof MillraceError) return error.code;
    throw error;
  }
}

beforeAll(async () => {
  database = await createTestDatabase();
  stores = [
    { name: "reader", store: storeAt(database.readUrl) },
    // A store that was configured may know us as a user who may do everything.
    { name: "owner", store: storeAt(database.url) },
  ];
});

afterAll(async () => {
  for (const { store } of stores) await store.clickhouse.close();
  await database.drop();
});

const sleeping = "SELECT sum(sleepEachRow(1)) FROM numbers(25) SETTINGS max_block_size = 1";

async function runningNow(): Promise<number> {
  const result = await database.clickhouse.query({
    query:
      "SELECT count() FROM system.processes WHERE query LIKE '%sleepEachRow%' AND query NOT LIKE '%processes%'",
    format: "JSONCompact",
  });
  return Number((await result.json<[string]>()).data[0]?.[0]);
}

it("reads only, whoever the store thinks it is", async () => {
  for (const { name, store } of stores) {
    expect(await codeOf(store, "SELECT {project_id:UInt32}"), name).toBe("ok");
    const insert = "INSERT INTO event_outcomes (project_id, event_id) VALUES (1, 'x')";
    expect(await codeOf(store, insert), name).toBe("INTERNAL");
    expect(await codeOf(store, "DROP TABLE events"), name).toBe("INTERNAL");
  }
});

it("says that a query is too expensive, and which budget it broke", async () => {
  const { store } = stores[0] as { store: Store };
  const memory = "SELECT length(groupArray(number)) FROM numbers(1000000000)";
  await expect(
    runStatement(
      store,
      { sql: memory, parameters: {} },
      { projectId: 1, signal: new AbortController().signal },
    ),
  ).rejects.toMatchObject({ code: "QUERY_TOO_EXPENSIVE", details: [{ budget: "memory" }] });
});

it("stops in the store when the caller leaves", async () => {
  for (const { name, store } of stores) {
    const leaving = new AbortController();
    const left = codeOf(store, sleeping, leaving.signal);
    const startDeadline = Date.now() + 5_000;
    while ((await runningNow()) === 0 && Date.now() < startDeadline)
      await new Promise((done) => setTimeout(done, 20));
    expect(await runningNow(), name).toBe(1);
    leaving.abort();
    expect(await left, name).toBe("SHUTTING_DOWN");
    const deadline = Date.now() + 3_000;
    while ((await runningNow()) > 0 && Date.now() < deadline)
      await new Promise((done) => setTimeout(done, 20));
    expect(await runningNow(), name).toBe(0);
  }
});

it("tries a store that is away for two seconds, then says so", async () => {
  const store = storeAt("http://reader:pw@127.0.0.1:1/millrace");
  const startedMs = performance.now();
  expect(await codeOf(store, "SELECT 1")).toBe("STORE_UNAVAILABLE");
  const tookMs = performance.now() - startedMs;
  expect(tookMs).toBeGreaterThan(1_000);
  expect(tookMs).toBeLessThan(2_500);
  await store.clickhouse.close();
});
