// What a project may use, through the tier's service and over a real store: limits that hold from the next query on,
// callers who leave, and light queries that do not wait for heavy ones.
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import type { TrendsAnswer } from "#schemas/query/trends.ts";
import { callService } from "#streams/call-service.ts";
import { callOptions, errorOf, projectId, startTestTier, type TestTier } from "../testing/test-tier.ts";

const manyEvents = 2_000_000;
const busyProject = 11;
/** Ten heavy queries take their time on a machine that is busy otherwise. */
const longer = { timeout: 90_000 };
let tier: TestTier;

beforeAll(async () => {
  tier = await startTestTier(inject("servers").postgresUrl);
  await tier.database.clickhouse.command({
    query: `INSERT INTO events (project_id, event, timestamp, user_number, event_id, properties)
      SELECT ${busyProject}, 'page', toDateTime64('2026-11-01 00:00:00', 3, 'UTC') + number % 600000, number % 50000,
             toString(number), CAST(concat('{"amount":', toString(number % 1000), '}'), 'JSON(max_dynamic_paths = 256)')
      FROM numbers(${manyEvents})`,
    clickhouse_settings: { async_insert: 0, max_execution_time: 120 },
  });
  await tier.postgres.query(
    `INSERT INTO projects (id, public_id, name) OVERRIDING SYSTEM VALUE
     VALUES (${busyProject}, 'busy', 'busy'), (${projectId}, 'calm', 'calm')`,
  );
}, 120_000);

afterAll(() => tier.stop());

/** Waits as long as a query may wait and run. */
const ask = (query: object, project = projectId): Promise<unknown> =>
  callService(tier.connection, "svc.query.trends", query, {
    ...callOptions,
    projectId: project,
    timeoutMs: 60_000,
  });

let asked = 0;
/** Reads every event's properties; no two are the same question. */
function heavy(): object {
  asked += 1;
  return {
    from: "2026-11-01",
    to: "2026-11-09",
    accuracy: "exact",
    series: ["p99", "p90", "median"].map((math) => ({
      event: "page",
      math,
      property: "amount",
      label: `${math} ${asked}`,
    })),
  };
}

function light(): object {
  asked += 1;
  return { from: "2026-11-01", to: "2026-11-03", series: [{ event: "order", label: `light ${asked}` }] };
}

const limit = (limits: object): Promise<unknown> =>
  tier.postgres.query("UPDATE projects SET limits = $2 WHERE id = $1", [busyProject, JSON.stringify(limits)]);

async function statementsRunning(): Promise<number> {
  const result = await tier.database.clickhouse.query({
    query:
      "SELECT count() FROM system.processes WHERE query LIKE '%quantile%' AND query NOT LIKE '%processes%'",
    format: "JSONCompact",
  });
  return Number((await result.json<[string]>()).data[0]?.[0]);
}

async function until(condition: () => Promise<boolean>, msMax: number): Promise<number> {
  const startedMs = performance.now();
  while (!(await condition())) {
    if (performance.now() - startedMs > msMax) throw new Error(`not within ${msMax} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return performance.now() - startedMs;
}

it("stops in the store within half a second when the caller leaves", async () => {
  const leaving = new AbortController();
  const left = errorOf(
    callService(tier.connection, "svc.query.trends", heavy(), {
      ...callOptions,
      projectId: busyProject,
      signal: leaving.signal,
    }),
  );
  await until(async () => (await statementsRunning()) > 0, 5_000);
  leaving.abort();
  expect((await left).code).toBe("SHUTTING_DOWN");
  const stoppedMs = await until(async () => (await statementsRunning()) === 0, 500);
  console.log(`stopped after ${stoppedMs.toFixed(0)} ms`);
});

it("stops in the store when the caller waits no longer", async () => {
  const left = errorOf(
    callService(tier.connection, "svc.query.trends", heavy(), {
      ...callOptions,
      projectId: busyProject,
      timeoutMs: 150,
    }),
  );
  expect((await left).code).toBe("SERVICE_UNAVAILABLE");
  await until(async () => (await statementsRunning()) === 0, 500);
});

it("goes on for the others who ask the same when one leaves", async () => {
  const leaving = new AbortController();
  const query = heavy();
  const options = { ...callOptions, projectId: busyProject };
  const left = errorOf(
    callService(tier.connection, "svc.query.trends", query, { ...options, signal: leaving.signal }),
  );
  const stays = callService(tier.connection, "svc.query.trends", query, options) as Promise<TrendsAnswer>;
  await until(async () => (await statementsRunning()) > 0, 5_000);
  leaving.abort();
  await left;
  expect((await stays).series.map(({ total }) => total)).toEqual([
    expect.closeTo(989, 0),
    expect.closeTo(899, 0),
    expect.closeTo(499.5, 0),
  ]);
});

it("holds every statement of a project to its limits, from the next query on, and no other project", async () => {
  const cases: [limits: object, budget: string][] = [
    [{ rows_read_max: 100_000 }, "rows"],
    [{ memory_bytes_max: 16_000_000 }, "memory"],
  ];
  for (const [limits, budget] of cases) {
    await limit(limits);
    const error = await errorOf(tier.call("trends", heavy(), busyProject));
    expect([error.code, error.details]).toEqual(["QUERY_TOO_EXPENSIVE", [{ budget }]]);
    await tier.call("trends", light());
  }
  await limit({});
  await tier.call("trends", heavy(), busyProject);
});

it(
  "answers another project's light queries while one project's heavy ones wait for each other",
  longer,
  async () => {
    await limit({ queries_at_once_max: 2 });
    const order: string[] = [];
    const note = async (name: string, answered: Promise<unknown>): Promise<void> => {
      await answered;
      order.push(name);
    };
    const heavies = Array.from({ length: 12 }, () => note("heavy", ask(heavy(), busyProject)));
    await until(async () => (await statementsRunning()) > 0, 5_000);
    const lights = Array.from({ length: 20 }, () => note("light", ask(light())));
    await Promise.all([...heavies, ...lights]);
    await limit({});
    const before = order.slice(0, order.lastIndexOf("light")).filter((name) => name === "heavy").length;
    console.log(`${before} of 12 heavy queries were answered before the last of 20 light ones`);
    // One line for all would have answered the twelve first.
    expect(before).toBeLessThanOrEqual(8);
  },
);

it(
  "refuses what a project asks beyond all patience, with the seconds until it may come again",
  longer,
  async () => {
    await limit({ queries_at_once_max: 1 });
    const answers = await Promise.all(
      Array.from({ length: 300 }, async () => {
        try {
          await ask({ ...light(), timezone: "Asia/Tokyo" }, busyProject);
          return "answered";
        } catch (error) {
          return error;
        }
      }),
    );
    const refused = answers.filter((answer) => answer !== "answered");
    expect(refused.length).toBeGreaterThan(0);
    for (const error of refused) {
      expect(error).toMatchObject({ code: "QUERY_LIMIT_EXCEEDED", details: [{ limit: 1 }] });
      expect((error as { retryAfterSeconds: number }).retryAfterSeconds).toBeGreaterThanOrEqual(1);
    }
    expect(answers.filter((answer) => answer === "answered").length).toBeGreaterThan(200);
    await limit({});
  },
);
