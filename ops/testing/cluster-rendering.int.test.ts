// The cluster rendering of the ClickHouse tables: what two shards store and answer is what one server does.
// Here because it needs the write side and the read side at once.
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { Registry } from "prom-client";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { renderForCluster } from "#schemas/clickhouse/render-for-cluster.ts";
import type { TrendsQuery } from "#schemas/query/trends.ts";
import { createQueryMetrics } from "#query/metrics.ts";
import { compileExport } from "#query/events/export/compile.ts";
import { readExportRequest } from "#query/events/export/request.ts";
import type { RollupTable } from "#query/events/plan-slices.ts";
import { answerTrends } from "#query/events/trends/answer.ts";
import { nobodyJoined } from "#query/people/people.ts";
import { QueryRun } from "#query/store/query-run.ts";
import { readTrendsRequest } from "#query/events/trends/request.ts";
import { ReadOnlySettings } from "#query/store/read-only.ts";
import type { Store } from "#query/store/run-statement.ts";
import { streamStatement } from "#query/store/stream-statement.ts";
import { createRandomTrends } from "#query/testing/random-trends.ts";
import { restoreState } from "#workers/events/restore-task.ts";
import { FingerprintSet, type FingerprintSetHandle } from "#workers/events/state/fingerprint-set.ts";
import { storeBatch } from "#workers/events/store-batch.ts";
import { countMissing } from "#workers/events/verify-stored.ts";
import { buildDeletions } from "#workers/projects/delete-project-data.ts";
import { createClickHouse, type ClickHouse } from "../runtime/clickhouse.ts";
import { createLogger } from "../runtime/log.ts";
import { createTestClickHouse, queryClickHouse, type TestClickHouse } from "./embedded-clickhouse.ts";
import { batchPartitions, batchProjects, buildBatch, drawBatches, type TestBatch } from "./random-batches.ts";
import { readClickHouseStatements, startTwoShards, withoutKeeper, type TwoShards } from "./two-shards.ts";

type TrendsResult = Awaited<ReturnType<typeof answerTrends>>;

const seed = Number(process.env["MILLRACE_TEST_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const cases = Number(process.env["MILLRACE_TEST_CASES"] ?? 16);
const cluster = "millrace";
const batches = 8;
const batchRows = 300;
/** Sent while one of the two shards is dead. */
const batchOfTheKill = 3;

const userMigrations = ["0003-user-numbers.sql", "0004-persons.sql"].map(
  (file) => new URL(`../../schemas/migrations/postgres/${file}`, import.meta.url),
);

const random = createRandomTrends(seed);
const log = createLogger({ level: "silent", name: "cluster test" });
const signal = new AbortController().signal;

let single: TestClickHouse;
let two: TwoShards;
/** Writing clients: the single server's, and one of each shard's server. */
let plain: ClickHouse;
let spread: readonly [ClickHouse, ClickHouse];
const clients: ClickHouse[] = [];

function connect(url: string): ClickHouse {
  const client = createClickHouse(url, { name: "test" });
  clients.push(client);
  return client;
}

beforeAll(async () => {
  single = await createTestClickHouse();
  await single.start();
  two = await startTwoShards(cluster);
  for (const statement of await readClickHouseStatements()) {
    await queryClickHouse(single.server.url, statement);
    for (const rendered of renderForCluster(statement, cluster)) {
      for (const { server } of two.shards) await queryClickHouse(server.url, withoutKeeper(rendered));
    }
  }
  plain = connect(single.server.url);
  spread = [connect(two.shards[0].server.url), connect(two.shards[1].server.url)];
});

afterAll(async () => {
  await Promise.all(clients.map((client) => client.close()));
  await Promise.all([single.remove(), two.remove()]);
});

const store = (clickhouse: ClickHouse, batch: TestBatch): Promise<void> =>
  storeBatch({ clickhouse, log, signal }, { ...batch, userPropertiesBlock: undefined });

/** The answer's lines. */
async function lines(clickhouse: ClickHouse, query: string): Promise<string[]> {
  const result = await clickhouse.query({ query, format: "TabSeparated" });
  return (await result.text()).trimEnd().split("\n");
}

/** Everything a table holds, as lines that do not depend on parts, merges or the order of rows. */
const contents: Readonly<Record<string, string>> = {
  events: `SELECT project_id, count(), uniqExact(event_id), sum(cityHash64(event, timestamp, user_number, event_id, user_id,
    anonymous_id, session_id, toString(properties), context, browser, is_bot, received_at, log_partition, log_sequence,
    retention_days)) FROM events GROUP BY project_id ORDER BY project_id`,
  steps: `SELECT project_id, event, bucket, count(), sum(cityHash64(user_number, timestamp, retention_days))
    FROM steps GROUP BY project_id, event, bucket ORDER BY project_id, event, bucket`,
  steps_sample: `SELECT project_id, event, rank, count(), sum(cityHash64(user_number, timestamp, retention_days))
    FROM steps_sample GROUP BY project_id, event, rank ORDER BY project_id, event, rank`,
  rollup_minute: `SELECT project_id, event, minute, sum(events)
    FROM rollup_minute GROUP BY project_id, event, minute ORDER BY project_id, event, minute`,
  rollup_hour: `SELECT project_id, event, hour, sum(events), groupBitmapMerge(users)
    FROM rollup_hour GROUP BY project_id, event, hour ORDER BY project_id, event, hour`,
  rollup_day: `SELECT project_id, event, day, sum(events), groupBitmapMerge(users)
    FROM rollup_day GROUP BY project_id, event, day ORDER BY project_id, event, day`,
  rollup_hour_any: `SELECT project_id, hour, sum(events), groupBitmapMerge(users)
    FROM rollup_hour_any GROUP BY project_id, hour ORDER BY project_id, hour`,
  rollup_day_any: `SELECT project_id, day, sum(events), groupBitmapMerge(users)
    FROM rollup_day_any GROUP BY project_id, day ORDER BY project_id, day`,
  event_outcomes: `SELECT project_id, count(), sum(cityHash64(event_id, outcome, log_partition, log_sequence, log_index))
    FROM event_outcomes FINAL GROUP BY project_id ORDER BY project_id`,
};

async function expectEqualContents(): Promise<void> {
  for (const [table, query] of Object.entries(contents)) {
    const expected = await lines(plain, query);
    expect(expected.length, table).toBeGreaterThan(0);
    for (const client of spread) expect(await lines(client, query), table).toEqual(expected);
  }
}

describe(`the tables of a cluster (seed ${seed})`, () => {
  it("are rendered to what the engine's parser takes, ON CLUSTER and Replicated* included", async () => {
    const url = single.server.url;
    let replicated = 0;
    const statements = await readClickHouseStatements();
    const rendered = statements.flatMap((each) => renderForCluster(each, cluster));
    for (const statement of [...rendered, ...buildDeletions(cluster)]) {
      const formatted = await lines(
        plain,
        `SELECT formatQuerySingleLine('${statement.replace(/[\\']/g, "\\$&")}')`,
      );
      if (!statement.startsWith("INSERT")) expect(formatted[0]).toContain(`ON CLUSTER ${cluster}`);
      if (!statement.includes("{project:")) await queryClickHouse(url, `EXPLAIN AST ${statement}`);
      if (/^CREATE TABLE .*ENGINE = Replicated\w*MergeTree\(/.test(formatted[0] as string)) replicated += 1;
    }
    expect(replicated).toBe(statements.filter((each) => /^\s*CREATE TABLE/m.test(each)).length);
    const broken = (rendered[0] as string).replace("ON CLUSTER", "ON THE CLUSTER");
    await expect(queryClickHouse(url, `EXPLAIN AST ${broken}`)).rejects.toThrow("SYNTAX_ERROR");
  });

  it("lose a deleted project, and nothing else", async () => {
    const now = { user: 1, timestampMs: Date.now(), properties: { a: 1 }, browser: "" };
    const events = Array.from({ length: 40 }, (_, index) => ({ ...now, event: "page", user: index >> 1 }));
    const batch = buildBatch(batches + 1, events);
    for (const client of [plain, spread[0]]) await store(client, batch);
    await expectEqualContents();
    const settings = { param_project: batchProjects[1], mutations_sync: 1 };
    for (const statement of buildDeletions(undefined)) {
      await queryClickHouse(single.server.url, statement, settings);
    }
    for (const statement of buildDeletions(cluster)) {
      for (const { server } of two.shards)
        await queryClickHouse(server.url, withoutKeeper(statement), settings);
    }
    await expectEqualContents();
    for (const table of Object.keys(contents)) {
      expect(await lines(plain, `SELECT DISTINCT project_id FROM ${table}`)).toEqual([
        String(batchProjects[0]),
      ]);
    }
    const direct = queryClickHouse(
      two.shards[0].server.url,
      "ALTER TABLE events DELETE WHERE project_id = 1",
    );
    await expect(direct).rejects.toThrow("Distributed");
  });

  it(
    "hold what one server holds, also when batches are repeated and a shard is killed meanwhile",
    { timeout: 60_000 },
    async () => {
      const [first, second] = spread;
      for (const batch of drawBatches(random, { batches, rows: batchRows })) {
        const { sequence } = batch;
        await store(plain, batch);
        if (sequence === batchOfTheKill) {
          await two.shards[1].kill();
          const stored = store(first, batch);
          // The living shard takes its rows, so the batch is stored by half when the dead one comes back.
          await expect
            .poll(() => lines(first, `SELECT count() > 0 FROM events_local WHERE log_sequence = ${sequence}`))
            .toEqual(["1"]);
          // No answer, rather than one of half the rows.
          await expect(lines(first, "SELECT count() FROM events")).rejects.toThrow();
          await two.restart(two.shards[1]);
          await stored;
        } else {
          await store(sequence % 2 === 0 ? first : second, batch);
        }
        // As after a crash of the worker, which may come back to the other server.
        if (sequence % 3 !== 0) await store(sequence % 3 === 1 ? first : second, batch);
        if (sequence % 4 === 0) await store(plain, batch);
      }
      expect(await lines(plain, `SELECT count() FROM events WHERE log_sequence <= ${batches}`)).toEqual([
        String(batches * batchRows),
      ]);
      await expectEqualContents();
    },
  );

  it("keep every user on one shard", async () => {
    for (const table of ["events", "steps"]) {
      const users = await Promise.all(
        spread.map((client) => lines(client, `SELECT DISTINCT project_id, user_number FROM ${table}_local`)),
      );
      const all = users.flat();
      expect(new Set(all).size, table).toBe(all.length);
      expect(all.length).toBe(
        Number((await lines(plain, `SELECT uniqExact(project_id, user_number) FROM ${table}`))[0]),
      );
      // Some 120 users: either shard has about half of them.
      for (const each of users) expect(each.length).toBeGreaterThan(all.length / 4);
    }
  });

  it("are compared with the ledger like those of one server", async () => {
    const missing = (client: ClickHouse, sequence: number, rows: number): Promise<number> =>
      countMissing(client, sequence % batchPartitions, { from: sequence, to: sequence, token: "", rows });
    for (const client of [plain, ...spread]) {
      expect(await missing(client, batchOfTheKill, batchRows)).toBe(0);
      expect(await missing(client, batchOfTheKill, batchRows + 1)).toBe(1);
    }
  });

  it("give a new owner the ids to remember, without those of the batch it redoes", async () => {
    const postgresUrl = await createUserNumbers(inject("servers").postgresUrl);
    const redone = 1;
    const input = { postgresUrl, partition: redone, except: { from: redone, to: redone }, rememberedDays: 7 };
    for (const { server } of [single, ...two.shards]) {
      const restored = await restoreState({ ...input, clickhouseUrl: server.url, rememberedIdsMax: 10_000 });
      // Batches 1 and 5 of this partition, and the rows that the first test left in batch 9.
      expect(new FingerprintSet(restored.remembered[1] as FingerprintSetHandle).size).toBe(batchRows + 20);
    }
  });

  it(
    `answer trends like those of one server (${cases} queries)`,
    { timeout: 20_000 + cases * 1000 },
    async () => {
      const stores = [single, ...two.shards].map(({ server }) => openStore(server.readUrl));
      const sources = new Set<string>();
      let linesWithEvents = 0;
      const queries = [...everyTable, ...Array.from({ length: cases }, () => random.query())];
      for (const [index, query] of queries.entries()) {
        const request = readTrendsRequest(query, Date.now());
        const isPlain =
          request.breakdown === undefined && request.series.every((each) => each.filters.length === 0);
        for (const rollups of isPlain ? choices : choices.slice(0, 1)) {
          const asked = [stores[0], stores[1 + (index % 2)]] as [Store, Store];
          const runs = asked.map(
            (store) => new QueryRun({ store, projectId: batchProjects[0], signal, people: nobodyJoined }),
          ) as [QueryRun, QueryRun];
          const [expected, answer] = (await Promise.all(
            runs.map((run) => answerTrends(request, run, { rollups })),
          )) as [TrendsResult, TrendsResult];
          for (const source of runs[0].source.split("+")) sources.add(source);
          linesWithEvents += expected.series.filter(({ total }) => (total ?? 0) !== 0).length;
          expectClose(answer, expected, `case ${index}: ${JSON.stringify(query)}`);
        }
      }
      // Random queries that mostly miss all events would prove little.
      expect(linesWithEvents).toBeGreaterThan(cases);
      expect([...sources].sort()).toEqual(["events", "rollup_day", "rollup_hour", "rollup_minute", "steps"]);
    },
  );

  it("export the rows of one server, in another order", async () => {
    const [expected, ...answers] = await Promise.all(
      [single, ...two.shards].map(({ server }) => exportRows(openStore(server.readUrl))),
    );
    // The rows of one of two projects; the first test left it 20 more.
    expect(expected?.length).toBe((batches * batchRows) / 2 + 20);
    for (const answer of answers) expect(answer).toEqual(expected);
  });
});

const choices: readonly (readonly RollupTable[])[] = [
  ["rollup_day", "rollup_hour", "rollup_minute"],
  ["rollup_hour"],
  ["rollup_minute"],
  [],
];

/** Between them they need every table. */
const everyTable: readonly TrendsQuery[] = (["day", "hour", "minute"] as const).map((interval) => ({
  from: "2026-10-24",
  to: interval === "day" ? "2026-11-03" : Date.parse("2026-10-25T03:17:13Z"),
  interval,
  series: [{ event: null }, { event: null, math: "unique_users" }],
}));

/** As the query tier opens it: with the user that only reads. */
function openStore(url: string): Store {
  const clickhouse = connect(url);
  return {
    clickhouse,
    metrics: createQueryMetrics(new Registry()),
    readOnly: new ReadOnlySettings(clickhouse),
  };
}

/** A database with the one table that restoring reads; it goes with the tests' servers. */
async function createUserNumbers(serverUrl: string): Promise<string> {
  const url = new URL(serverUrl);
  url.pathname = `/cluster_${randomUUID().replaceAll("-", "")}`;
  const run = async (connectionString: string, sql: string): Promise<void> => {
    const client = new pg.Client({ connectionString });
    await client.connect();
    try {
      await client.query(sql);
    } finally {
      await client.end();
    }
  };
  await run(serverUrl, `CREATE DATABASE ${url.pathname.slice(1)}`);
  for (const file of userMigrations) await run(url.href, await readFile(file, "utf8"));
  return url.href;
}

async function exportRows(from: Store): Promise<string[]> {
  const chunks: Uint8Array[] = [];
  await streamStatement(
    from,
    compileExport(readExportRequest({ from: "1900-01-01", format: "ndjson" }), nobodyJoined),
    {
      projectId: batchProjects[0],
      signal,
      onStart: () => undefined,
      onBytes: (bytes) => Promise.resolve(void chunks.push(Uint8Array.from(bytes))),
    },
  );
  const text = Buffer.concat(chunks).toString().trimEnd();
  // When a row was stored is each server's own.
  return text
    .replaceAll(/"stored_at":"[^"]*"/g, "")
    .split("\n")
    .sort();
}

/** Equal but for the last digits of sums, which depend on the order of adding. */
function expectClose(got: TrendsResult, expected: TrendsResult, what: string): void {
  const shape = (answer: TrendsResult): unknown[] =>
    answer.series.map(({ values, total, ...rest }) => [
      rest,
      values.map((value) => value === null),
      total === null,
    ]);
  expect(shape(got), what).toEqual(shape(expected));
  const numbers = (answer: TrendsResult): number[] =>
    answer.series.flatMap(({ values, total }) => [...values, total].map((value) => value ?? 0));
  const wanted = numbers(expected);
  numbers(got).forEach((value, at) => {
    const bound = 1e-9 * Math.max(1, Math.abs(wanted[at] as number));
    expect(Math.abs(value - (wanted[at] as number)), what).toBeLessThanOrEqual(bound);
  });
}
