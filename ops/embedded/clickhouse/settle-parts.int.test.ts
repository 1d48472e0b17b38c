import { watch } from "node:fs";
import { cp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  createTestClickHouse,
  queryClickHouse,
  type TestClickHouse,
} from "../../testing/embedded-clickhouse.ts";
import { parsePartName } from "./deduplication-log.ts";

/** `SETTLE_KILLS=500 npm test -- settle-parts` looks longer; `SETTLE_SEED` repeats one run's moments. */
const KILLS = Number(process.env.SETTLE_KILLS ?? 20);
const SEED = Number(process.env.SETTLE_SEED ?? Date.now() % 1_000_000);
const BATCH_ROWS = 300;
const MONTHS = 2;

const settings =
  "SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1";
/** In the order in which an insert reaches them. */
const tables = ["raw", "copy", "daily"] as const;
const schema = [
  `CREATE TABLE raw (time DateTime, n UInt32) ENGINE = MergeTree PARTITION BY toYYYYMM(time) ORDER BY n ${settings}`,
  `CREATE TABLE copy AS raw ENGINE = MergeTree PARTITION BY toYYYYMM(time) ORDER BY n ${settings}`,
  `CREATE TABLE daily (day Date, times SimpleAggregateFunction(sum, UInt64), numbers AggregateFunction(groupBitmap, UInt32))
   ENGINE = AggregatingMergeTree PARTITION BY toYYYYMM(day) ORDER BY day ${settings}`,
  "CREATE MATERIALIZED VIEW copy_view TO copy AS SELECT time, n FROM raw",
  `CREATE MATERIALIZED VIEW daily_view TO daily AS
   SELECT toDate(time) AS day, count() AS times, groupBitmapState(n) AS numbers FROM raw GROUP BY day`,
];

/** Batch `batch`: the numbers from `batch * BATCH_ROWS` on, spread over the months. */
function insertBatch(url: string, batch: number): Promise<string> {
  const rows = Array.from({ length: BATCH_ROWS }, (_, index) => {
    const month = String((index % MONTHS) + 1).padStart(2, "0");
    const day = String((index % 28) + 1).padStart(2, "0");
    return JSON.stringify({ time: `2026-${month}-${day} 00:00:00`, n: batch * BATCH_ROWS + index });
  });
  return queryClickHouse(url, `INSERT INTO raw FORMAT JSONEachRow ${rows.join("\n")}`, {
    insert_deduplication_token: `batch-${batch}`,
    input_format_parallel_parsing: 0,
  });
}

/** What the three tables hold. Sums tell a lost row and a doubled one apart even when their numbers cancel out. */
async function countAll(url: string): Promise<Record<(typeof tables)[number], string>> {
  const of = (table: string): Promise<string> =>
    queryClickHouse(url, `SELECT count(), uniqExact(n), sum(n) FROM ${table}`);
  const daily = "SELECT sum(times), groupBitmapMerge(numbers) FROM daily";
  const [raw, copy] = [await of("raw"), await of("copy")];
  return { raw, copy, daily: await queryClickHouse(url, daily) };
}

function expectedOf(batches: number): Record<(typeof tables)[number], string> {
  const rows = batches * BATCH_ROWS;
  const all = `${rows}\t${rows}\t${(rows * (rows - 1)) / 2}`;
  return { raw: all, copy: all, daily: `${rows}\t${rows}` };
}

async function findTableDirectories(clickhouse: TestClickHouse): Promise<string[]> {
  const paths = await Promise.all(
    tables.map((name) =>
      queryClickHouse(
        clickhouse.server.url,
        `SELECT data_paths[1] FROM system.tables WHERE database = 'millrace' AND name = '${name}'`,
      ),
    ),
  );
  return paths.map((path) => join(path));
}

async function findLogFile(tableDirectory: string): Promise<string> {
  const names = await readdir(join(tableDirectory, "deduplication_logs"));
  const [name] = names.sort();
  if (names.length !== 1 || name === undefined) throw new Error(`not one log: ${names.join()}`);
  return join(tableDirectory, "deduplication_logs", name);
}

describe("the engine's order", () => {
  let clickhouse: TestClickHouse;
  beforeAll(async () => {
    clickhouse = await createTestClickHouse();
    const { url } = await clickhouse.start();
    for (const sql of schema) await queryClickHouse(url, sql);
  });
  afterAll(() => clickhouse.remove());

  // inotify tells the events of one process's watches in their order; macOS does not.
  it.skipIf(process.platform !== "linux")("is: line in the log, then part in its place", async () => {
    const [raw = ""] = await findTableDirectories(clickhouse);
    await insertBatch(clickhouse.server.url, 0);
    const seen: string[] = [];
    const log = watch(join(raw, "deduplication_logs"), (event) => seen.push(`log ${event}`));
    const parts = watch(raw, (event, name) => {
      if (name !== null && parsePartName(name)?.partition === "202601") seen.push(`part ${event}`);
    });
    await insertBatch(clickhouse.server.url, 1);
    await delay(100);
    log.close();
    parts.close();
    expect(seen.slice(0, 2)).toEqual(["log change", "part rename"]);
  });

  it("leaves no unfinished part behind after a start", async () => {
    const [raw = ""] = await findTableDirectories(clickhouse);
    await clickhouse.server.stop();
    await cp(join(raw, "202601_1_1_0"), join(raw, "tmp_insert_202601_9_9_0"), { recursive: true });
    await clickhouse.start();
    await expect
      .poll(async () => (await readdir(raw)).filter((name) => name.startsWith("tmp_")), { timeout: 5_000 })
      .toEqual([]);
  });
});

describe("an insert that a kill -9 cut short, at each of its steps", () => {
  let clickhouse: TestClickHouse;
  let untouched: string;
  let directories: string[];

  beforeAll(async () => {
    clickhouse = await createTestClickHouse();
    untouched = join(clickhouse.directory, "untouched");
    const { url } = await clickhouse.start();
    for (const sql of schema) await queryClickHouse(url, sql);
    await queryClickHouse(url, "SYSTEM STOP MERGES");
    for (let batch = 0; batch < 3; batch += 1) await insertBatch(url, batch);
    directories = await findTableDirectories(clickhouse);
    await clickhouse.server.stop();
    await cp(join(clickhouse.directory, "data"), untouched, { recursive: true });
  });
  afterAll(() => clickhouse.remove());
  beforeEach(async () => {
    const data = join(clickhouse.directory, "data");
    await rm(data, { recursive: true });
    await cp(untouched, data, { recursive: true });
  });

  /** As it was when the last insert had put `partsDone` of its parts in place, and then … */
  async function rewind(partsDone: number, then: "nothing" | "a line" | "half a line"): Promise<void> {
    for (const [index, directory] of directories.entries()) {
      const path = await findLogFile(directory);
      const lines = (await readFile(path, "utf8")).split("\n").slice(0, -1);
      const keptOfLast = Math.min(MONTHS, Math.max(0, partsDone - index * MONTHS));
      const kept = lines.slice(0, lines.length - MONTHS + keptOfLast);
      const undone = lines.slice(kept.length);
      for (const line of undone) {
        await rm(join(directory, line.split("\t")[1] ?? "missing"), { recursive: true });
      }
      const isNext = partsDone >= index * MONTHS && partsDone < (index + 1) * MONTHS;
      const next = !isNext || then === "nothing" ? "" : `${undone[0]}\n`;
      const text = kept.map((line) => `${line}\n`).join("");
      await writeFile(path, text + (then === "half a line" ? next.slice(0, next.length / 2) : next));
    }
  }

  const steps = Array.from({ length: tables.length * MONTHS + 1 }, (_, partsDone) => partsDone);

  it.each(steps)("after %i parts: the repeat completes it", async (partsDone) => {
    await rewind(partsDone, "nothing");
    const { url, settled } = await clickhouse.start();
    expect(settled).toMatchObject({ forgotten: [], damaged: 0 });
    await insertBatch(url, 2);
    expect(await countAll(url)).toEqual(expectedOf(3));
    await clickhouse.server.stop();
  });

  it.each(steps.slice(0, -1))("after %i parts and a line without its part", async (partsDone) => {
    await rewind(partsDone, "a line");
    const { url, settled } = await clickhouse.start();
    expect(settled.forgotten).toHaveLength(1);
    await insertBatch(url, 2);
    expect(await countAll(url)).toEqual(expectedOf(3));
    await clickhouse.server.stop();
  });

  it.each([0, 3, 5])("after %i parts and half a line", async (partsDone) => {
    await rewind(partsDone, "half a line");
    const { url, settled } = await clickhouse.start();
    expect(settled).toMatchObject({ forgotten: [], damaged: 1 });
    await insertBatch(url, 2);
    // The torn line is gone: what was appended behind it is read again by the next start.
    await clickhouse.kill();
    const again = await clickhouse.start();
    for (let batch = 0; batch < 3; batch += 1) await insertBatch(again.url, batch);
    expect(await countAll(again.url)).toEqual(expectedOf(3));
    await clickhouse.server.stop();
  });
});

describe("what a start must not forget", () => {
  let clickhouse: TestClickHouse;
  beforeEach(async () => {
    clickhouse = await createTestClickHouse();
    const { url } = await clickhouse.start();
    for (const sql of schema) await queryClickHouse(url, sql);
    for (let batch = 0; batch < 4; batch += 1) await insertBatch(url, batch);
    return () => clickhouse.remove();
  });

  it.each([
    { name: "nothing", statements: [] },
    { name: "a merge", statements: tables.map((table) => `OPTIMIZE TABLE ${table} FINAL`) },
    {
      name: "a mutation",
      statements: [
        "ALTER TABLE raw DELETE WHERE n > 4000000000 SETTINGS mutations_sync = 2",
        "ALTER TABLE copy MODIFY COLUMN n UInt32 CODEC(ZSTD) SETTINGS mutations_sync = 2",
      ],
    },
    {
      name: "a merge and a mutation",
      statements: [
        ...tables.map((table) => `OPTIMIZE TABLE ${table} FINAL`),
        "ALTER TABLE raw DELETE WHERE n > 4000000000 SETTINGS mutations_sync = 2",
      ],
    },
  ])("the blocks taken before $name", async ({ statements }) => {
    for (const sql of statements) await queryClickHouse(clickhouse.server.url, sql);
    await clickhouse.kill();
    const { url, settled } = await clickhouse.start();
    expect(settled).toMatchObject({ forgotten: [], damaged: 0 });
    for (let batch = 0; batch < 4; batch += 1) await insertBatch(url, batch);
    expect(await countAll(url)).toEqual(expectedOf(4));
  });

  it("the parts of inserts that keep no record", async () => {
    const plain = { insert_deduplicate: 0 };
    await queryClickHouse(
      clickhouse.server.url,
      `INSERT INTO raw SELECT toDateTime('2026-01-01'), ${4 * BATCH_ROWS} + number FROM numbers(${BATCH_ROWS})`,
      plain,
    );
    await clickhouse.kill();
    const { url } = await clickhouse.start();
    expect(await countAll(url)).toEqual(expectedOf(5));
  });

  it("but does forget the blocks of a dropped partition, like the engine itself", async () => {
    for (const table of tables) {
      await queryClickHouse(clickhouse.server.url, `ALTER TABLE ${table} DROP PARTITION ID '202602'`);
    }
    await clickhouse.kill();
    const { url } = await clickhouse.start();
    for (let batch = 0; batch < 4; batch += 1) await insertBatch(url, batch);
    expect(await countAll(url)).toEqual(expectedOf(4));
  });
});

describe("kill -9 at any moment of an insert", () => {
  let clickhouse: TestClickHouse;
  beforeAll(async () => {
    clickhouse = await createTestClickHouse();
    const { url } = await clickhouse.start();
    for (const sql of schema) await queryClickHouse(url, sql);
  });
  afterAll(() => clickhouse.remove());

  it(
    `loses nothing and doubles nothing (${KILLS} kills, seed ${SEED})`,
    async () => {
      const random = createRandom(SEED);
      const logs = await Promise.all((await findTableDirectories(clickhouse)).map(findLogFile));
      const directories = logs.map((path) => join(path, ".."));
      let insertMs = 50;
      let batch = 0;
      let forgotten = 0;
      for (let kills = 0; kills < KILLS; kills += 1) {
        const { pid, url } = clickhouse.server;
        // Some whole inserts, so that merges have something to do.
        for (let whole = 0; whole < 2; whole += 1, batch += 1) {
          const startedAt = performance.now();
          await insertBatch(url, batch);
          insertMs += (performance.now() - startedAt - insertMs) / 8;
        }
        // Half of the kills anywhere, half of them as soon as one of its lines has been written.
        const aimed = random() < 0.5 ? 1 + Math.floor(random() * tables.length * MONTHS) : undefined;
        const kill = (): void => void process.kill(pid, "SIGKILL");
        let lines = 0;
        const watchers = directories.map((each) => watch(each, () => (lines += 1) === aimed && kill()));
        const timer = aimed === undefined ? setTimeout(kill, random() * insertMs * 1.2) : undefined;
        const answered = await insertBatch(url, batch).then(
          () => true,
          () => false,
        );
        if (timer === undefined && answered) kill();
        await clickhouse.server.exited;
        clearTimeout(timer);
        for (const watcher of watchers) watcher.close();
        const again = await clickhouse.start();
        forgotten += again.settled.forgotten.length;
        // Whoever got no answer sends again; the same token makes that safe.
        if (!answered) await insertBatch(again.url, batch);
        batch += 1;
        if (kills % 10 === 9) expect(await countAll(again.url)).toEqual(expectedOf(batch));
      }
      expect(await countAll(clickhouse.server.url)).toEqual(expectedOf(batch));
      console.log(`${KILLS} kills, ${batch} batches, ${forgotten} records without a part`);
    },
    30_000 + KILLS * 3_000,
  );
});

/** mulberry32: small, and the same on every machine. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
