// Columns of the commonest events are in files before anybody asks, and are gone once somebody was erased from them.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Registry } from "prom-client";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { createLogger } from "#ops/runtime/log.ts";
import type { Postgres } from "#ops/runtime/postgres.ts";
import { Budgets } from "../budget/budgets.ts";
import { FairGate } from "../budget/fair-gate.ts";
import { createBudgetMetrics } from "../budget/metrics.ts";
import { QueryCosts } from "../budget/query-costs.ts";
import { createQueryMetrics, type QueryMetrics } from "../metrics.ts";
import { nobodyJoined } from "../people/people.ts";
import { QueryRun } from "../store/query-run.ts";
import { ReadOnlySettings } from "../store/read-only.ts";
import type { Store } from "../store/run-statement.ts";
import { createTaskPool, type TaskPool } from "../task-pool.ts";
import { storeTime } from "../testing/test-database.ts";
import { startTestTier, type TestTier } from "../testing/test-tier.ts";
import { columnParts } from "./column-parts.ts";
import { listColumnFiles } from "./files/column-directory.ts";
import { ColumnFiles } from "./files/column-files.ts";
import { FileSweeper } from "./files/file-sweeper.ts";
import { PrepareColumns } from "./prepare-columns.ts";
import { StepColumns } from "./step-columns.ts";

const projectId = 8;
const dayMs = 86_400_000;
const pool = createTaskPool(2);
const log = createLogger({ level: "error", name: "test" });
const directory = mkdtempSync(join(tmpdir(), "millrace-prepare-"));
const registry = new Registry();
const metrics: QueryMetrics = createQueryMetrics(registry);
const gate = new FairGate({ light: 2, heavy: 2, background: 1 });
const budgets = new Budgets({ gate, costs: new QueryCosts(), metrics: createBudgetMetrics(registry, gate) });
let tier: TestTier;
let store: Store;
let postgres: Postgres;

const makeFiles = (): ColumnFiles =>
  new ColumnFiles({ directory, installation: "one", bytesMax: 1e9, rowsMin: 1, pool, log, metrics });

function makeColumns(bytesMax = 1e9): StepColumns {
  return new StepColumns({ url: tier.database.url, bytesMax, metrics, files: makeFiles() });
}

function makePreparing(pendingEvents = 0, columns = makeColumns()): PrepareColumns {
  const entries = (): never => [{ status: { partitions: [{ pendingEvents }] } }] as never;
  return new PrepareColumns({
    columns,
    files: makeFiles(),
    store,
    postgres,
    pool,
    budgets,
    gate,
    board: { entries },
    log,
    rowsMin: 50,
  });
}

beforeAll(async () => {
  tier = await startTestTier(inject("servers").postgresUrl);
  postgres = tier.postgres as unknown as Postgres;
  await tier.postgres.query(
    "INSERT INTO projects (id, public_id, name, timezone) OVERRIDING SYSTEM VALUE VALUES ($1, 'prj_8', 'eight', 'UTC')",
    [projectId],
  );
  const { clickhouse } = tier.database;
  store = { clickhouse, readOnly: new ReadOnlySettings(clickhouse), metrics };
  const at = storeTime(Date.now() - 5 * dayMs);
  const events = ["common", "common", "rare"].flatMap((event, index) =>
    Array.from({ length: event === "rare" ? 10 : 60 }, (_, row) => ({
      ...{ project_id: projectId, event, timestamp: at, received_at: at, user_id: "u", properties: {} },
      ...{ user_number: row, event_id: `${index}-${row}` },
    })),
  );
  await tier.database.insertEvents(events);
});

afterAll(async () => {
  await pool.destroy();
  await tier?.stop();
  rmSync(directory, { recursive: true, force: true });
});

it("waits while queries run, or much is to be stored", async () => {
  const place = await gate.enter({
    ...{ projectId, lane: "light", atOnceMax: 1, signal: new AbortController().signal },
  });
  expect(await makePreparing().prepare()).toBe(0);
  place.leave();
  expect(await makePreparing(1_000_000).prepare()).toBe(0);
  expect(await listColumnFiles(directory)).toEqual([]);
});

it("prepares what is common, and all events together, once", async () => {
  expect(await makePreparing().prepare()).toBe(2);
  expect(await listColumnFiles(directory)).toHaveLength(2);
  expect(await makePreparing().prepare()).toBe(0);
});

it("is what a new process reads, once, to the last row", async () => {
  const signal = new AbortController().signal;
  const run = new QueryRun({ store, projectId, signal, people: nobodyJoined });
  const range = { fromMs: Date.now() - 30 * dayMs, endMs: Date.now() };
  let tasks = 0;
  const counting: TaskPool = {
    run: (task, options) => {
      tasks += 1;
      return pool.run(task, options);
    },
  };
  const columns = makeColumns();
  expect(await columns.holds(run, { events: ["common"], ...range })).toBe(true);
  expect(await columns.holds(run, { events: ["common", "rare"], ...range })).toBe(false);
  const reading = [1, 2, 3].map(() => columns.read(run, counting, { events: ["common"], ...range }));
  for (const read of await Promise.all(reading)) {
    expect(read?.rows).toBe(120);
    expect(read?.rowsLoaded).toBe(0);
  }
  // One for each part of the users, whoever else asks meanwhile.
  expect(tasks).toBe(columnParts);
  expect(run.source).toBe("column_files");
});

it("is in memory before anybody asks, where there is room, and of nobody who was erased", async () => {
  const outcomes = async (): Promise<Record<string, number>> => {
    const { values } = await metrics.residentColumns.get();
    return Object.fromEntries(values.map(({ labels, value }) => [String(labels.outcome), value]));
  };
  const narrow = makeColumns(1);
  expect(await makePreparing(0, narrow).preload()).toBe(0);
  expect(narrow.bytes).toBe(0);
  const columns = makeColumns();
  expect(await makePreparing(0, columns).preload()).toBe(2);
  const before = await outcomes();
  const run = new QueryRun({ store, projectId, signal: new AbortController().signal, people: nobodyJoined });
  const range = { fromMs: Date.now() - 30 * dayMs, endMs: Date.now() };
  const read = await columns.read(run, pool, { events: ["common", null], ...range });
  expect(read?.rowsLoaded).toBe(0);
  expect(read?.rows).toBe(250);
  expect((await outcomes())["hit"]).toBe((before["hit"] ?? 0) + 2);
  expect((await outcomes())["file"]).toBe(before["file"]);
  await tier.postgres.query("UPDATE projects SET answers_epoch = 5 WHERE id = $1", [projectId]);
  expect(await makePreparing().preload()).toBe(0);
  await tier.postgres.query("UPDATE projects SET answers_epoch = 0 WHERE id = $1", [projectId]);
});

it("is gone once somebody was erased, or the project is", async () => {
  const sweeper = new FileSweeper({ files: makeFiles(), postgres, log, metrics });
  await sweeper.sweep();
  expect(await listColumnFiles(directory)).toHaveLength(2);
  await tier.postgres.query("UPDATE projects SET answers_epoch = 1 WHERE id = $1", [projectId]);
  await sweeper.sweep();
  expect(await listColumnFiles(directory)).toEqual([]);
  expect(await makePreparing().prepare()).toBe(2);
  await tier.postgres.query("UPDATE projects SET deleted_at = now() WHERE id = $1", [projectId]);
  await sweeper.sweep();
  expect(await listColumnFiles(directory)).toEqual([]);
});
