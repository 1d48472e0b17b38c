// Old events go, copied before where that is wanted, and come back: with workers killed at any moment, and while late
// events arrive.
import { once } from "node:events";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ArchiveEntry, Manifest, Restore } from "#schemas/retention/archive.ts";
import type { LogEvent } from "#schemas/events/event.ts";
import type { RetentionPolicy, RetentionPolicyChange } from "#schemas/retention/policy.ts";
import { startObjectStore } from "#ops/testing/object-store.ts";
import { callService } from "#streams/call-service.ts";
import { buildEvent, startBed, type Bed } from "../testing/worker-processes.ts";

const dayMs = 86_400_000;
/** The project `default`, whose key manages all others, and two more. */
const managing = 1;
const kept = 2;
const expiring = 3;
let bed: Bed;
let dataDir: string;

beforeAll(async () => {
  bed = await startBed();
  await bed.postgres.query(
    "INSERT INTO projects (public_id, name) VALUES ('default', 'default'), ('kept', 'kept'), ('expiring', 'expiring')",
  );
  dataDir = bed.dataDir;
});

afterAll(async () => {
  await bed.close();
});

async function call<T>(
  method: string,
  payload: object,
  projectId = managing,
  parameters: Readonly<Record<string, string>> = {},
): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    try {
      return (await callService(bed.connection, `svc.retention.${method}`, payload, {
        requestId: "r",
        projectId,
        parameters,
        timeoutMs: 5_000,
      })) as T;
    } catch (error) {
      // The process that answers is being killed, or starts.
      if ((error as { code?: string }).code !== "SERVICE_UNAVAILABLE" || tries === 100) throw error;
      await sleep(100);
    }
  }
}

const setPolicy = (project: string, change: RetentionPolicyChange): Promise<RetentionPolicy> =>
  call("set_policy", change, managing, { id: project });

async function waitFor<T>(
  read: () => Promise<T>,
  isRight: (value: T) => boolean,
  msMax = 60_000,
): Promise<T> {
  const deadline = Date.now() + msMax;
  for (;;) {
    const value = await read();
    if (isRight(value)) return value;
    if (Date.now() > deadline) throw new Error(`never: ${JSON.stringify(value)}`);
    await sleep(50);
  }
}

interface Accounts {
  rows: number;
  ids: number;
  hash: string;
  steps: number;
  unsampled: number;
  minutes: number;
  days: number;
  users: number;
}

async function accounts(project: number): Promise<Accounts> {
  const of = `project_id = ${project}`;
  const result = await bed.clickhouse.query({
    query: `SELECT
      (SELECT count() FROM events WHERE ${of}) AS rows,
      (SELECT uniqExact(event_id) FROM events WHERE ${of}) AS ids,
      (SELECT toString(sum(cityHash64(event, event_id, user_number, timestamp, toJSONString(properties), context, browser))) FROM events WHERE ${of}) AS hash,
      (SELECT count() FROM steps WHERE ${of}) AS steps,
      (SELECT countIf(sipHash64(project_id, user_number) % 4096 < 256) FROM steps WHERE ${of}) - (SELECT count() FROM steps_sample WHERE ${of}) AS unsampled,
      (SELECT sum(events) FROM rollup_minute WHERE ${of}) AS minutes,
      (SELECT sum(events) FROM rollup_day WHERE ${of}) AS days,
      (SELECT groupBitmapMerge(users) FROM rollup_day WHERE ${of}) AS users`,
    format: "JSONEachRow",
    clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
  });
  const [row] = await result.json<Accounts>();
  return row as Accounts;
}

describe("retention", { timeout: 240_000 }, () => {
  const now = Date.now();
  let nextId = 0;
  /** Everything that was ever sent, by project. */
  const sent = new Map<number, LogEvent[]>();

  async function send(
    project: number,
    count: number,
    ageDays: (id: number) => number,
    change: (id: number) => Partial<LogEvent> = () => ({}),
  ): Promise<LogEvent[]> {
    const events = Array.from({ length: count }, () => {
      nextId += 1;
      const id = nextId;
      return buildEvent(id, {
        project_id: project,
        timestamp: now - ageDays(id) * dayMs,
        properties: JSON.stringify({
          amount: id % 10,
          ratio: id / 8,
          "dotted.key": `v${id % 3}`,
          nested: { list: [1, "x", null], flag: id % 2 === 0 },
          unicode: "zażółć 🦦",
        }),
        user_agent: "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
        ...change(id),
      });
    });
    sent.set(project, [...(sent.get(project) ?? []), ...events]);
    await bed.publish(events);
    return events;
  }

  const stored = (project: number, rows: number): Promise<Accounts> =>
    waitFor(
      () => accounts(project),
      (found) =>
        found.rows === rows &&
        found.steps === rows &&
        found.unsampled === 0 &&
        found.users > 0 &&
        found.days === (sent.get(project)?.length ?? 0),
    );
  const openRemovals = async (): Promise<number> =>
    (await bed.postgres.query("SELECT FROM raw_removals WHERE state <> 'done'")).rows.length;
  const archives = async (project: number): Promise<ArchiveEntry[]> =>
    (await call<{ archives: ArchiveEntry[] }>("archives", {}, project)).archives;
  const restoreOf = async (project: number, month: string): Promise<Restore | undefined> =>
    (await call<{ restores: Restore[] }>("archives", {}, project)).restores.find(
      (each) => each.month === month,
    );
  /** Months that 30 days of retention leave nothing of. */
  const isOld = (event: LogEvent): boolean => {
    const date = new Date(event.timestamp);
    return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1) + 30 * dayMs <= now;
  };
  const young = (project: number): number =>
    (sent.get(project) ?? []).filter((event) => !isOld(event)).length;

  it("removes what is too old, after it is copied, and leaves counts and others alone", async () => {
    bed.startWorkers("first", { MILLRACE_DATA_DIR: dataDir });
    await send(expiring, 900, (id) => (id % 12) * 20);
    await send(kept, 300, (id) => (id % 12) * 20);
    const before = await stored(expiring, 900);
    const others = await stored(kept, 300);

    const policy = await setPolicy("expiring", { raw_days: 30, archive: "disk" });
    expect(policy).toMatchObject({ raw_days: 30, aggregate_days: null, archive: "disk" });
    const after = await stored(expiring, young(expiring));
    expect(after).toMatchObject({ unsampled: 0, minutes: 900, days: 900, users: before.users });
    expect(
      await waitFor(
        () => accounts(kept),
        (found) => found.rows === 300,
      ),
    ).toEqual(others);
    await waitFor(openRemovals, (open) => open === 0);

    const files = await archives(expiring);
    expect(files.reduce((sum, { rows }) => sum + rows, 0)).toBe(900 - young(expiring));
    for (const file of files) {
      const path = join(dataDir, file.path);
      expect((await stat(path)).size).toBe(file.bytes);
      const manifest = JSON.parse(await readFile(path.replace(".parquet", ".json"), "utf8")) as Manifest;
      expect(manifest).toMatchObject({
        rows: file.rows,
        sha256: file.sha256,
        month: file.month,
        project: "expiring",
      });
    }
    const gone = (await call<RetentionPolicy>("policy", { id: "expiring" })).raw_gone;
    expect(gone).toEqual([...new Set(files.map(({ month }) => month))]);
  });

  it("brings them back as they were, once, and lets them go again", async () => {
    const months = [...new Set((await archives(expiring)).map(({ month }) => month))];
    await call("restore", { months, keep_days: 1 }, expiring);
    const restored = await stored(expiring, 900);
    expect(restored).toMatchObject({ ids: 900, unsampled: 0, minutes: 900, days: 900 });
    for (const month of months) {
      await waitFor(
        () => restoreOf(expiring, month),
        (found) => found?.state === "restored",
      );
    }
    expect((await call<RetentionPolicy>("policy", { id: "expiring" })).raw_gone).toEqual([]);
    await call("restore", { months, keep_days: 0 }, expiring);
    await stored(expiring, young(expiring));
    for (const month of months) {
      await waitFor(
        () => restoreOf(expiring, month),
        (found) => found?.state === "released",
      );
    }
    expect((await call<RetentionPolicy>("policy", { id: "expiring" })).raw_gone).toEqual(months);
  });

  it("with late events, while workers are killed with -9", async () => {
    let workers = bed.startWorkers("victim", { MILLRACE_DATA_DIR: dataDir });
    for (let round = 0; round < 5; round += 1) {
      // Of months that are gone, and of others.
      await send(expiring, 120, (id) => (id % 12) * 20);
      await sleep(Math.random() * 1_500);
      bed.killAll();
      workers = bed.startWorkers("victim", { MILLRACE_DATA_DIR: dataDir });
      // Whoever lives looks at once.
      await setPolicy("expiring", { raw_days: 30, archive: "disk" });
      await sleep(500 + Math.random() * 2_500);
    }
    const all = sent.get(expiring)?.length ?? 0;
    await waitFor(
      () => accounts(expiring),
      (found) => found.days === all && found.minutes === all,
    );
    await setPolicy("expiring", { raw_days: 30, archive: "disk" });
    await stored(expiring, young(expiring));
    await waitFor(openRemovals, (open) => open === 0);
    const files = await archives(expiring);
    expect(files.reduce((sum, { rows }) => sum + rows, 0)).toBe(all - young(expiring));

    const months = [...new Set(files.map(({ month }) => month))];
    await call("restore", { months, keep_days: 1 }, expiring);
    await sleep(Math.random() * 3_000);
    workers.kill("SIGKILL");
    await once(workers, "exit");
    workers = bed.startWorkers("victim", { MILLRACE_DATA_DIR: dataDir });
    const restored = await stored(expiring, all);
    expect(restored).toMatchObject({ ids: all, minutes: all, days: all });
    for (const month of months) {
      await waitFor(
        () => restoreOf(expiring, month),
        (found) => found?.state === "restored",
      );
    }
    expect(await accounts(kept)).toMatchObject({ rows: 300, days: 300 });

    // What came late and went at once is known when it comes again.
    const late = (sent.get(expiring) ?? []).filter(isOld).slice(-50);
    await bed.publish(late);
    await send(expiring, 10, () => 1);
    expect(await stored(expiring, all + 10)).toMatchObject({ ids: all + 10, days: all + 10 });
  });

  it("takes erased people out of archives, and out of what is restored of them", async () => {
    const gone = "user-7";
    const theirs = (sent.get(expiring) ?? []).filter((event) => event.user_id === gone);
    const archivedBefore = (await archives(expiring)).reduce((sum, { rows }) => sum + rows, 0);
    expect(theirs.filter(isOld).length).toBeGreaterThan(0);
    const { erasure_id: id } = (await callService(
      bed.connection,
      "svc.erasures.create",
      { id: gone },
      { requestId: "r", projectId: expiring, timeoutMs: 5_000 },
    )) as { erasure_id: string };
    await waitFor(
      async () =>
        (await bed.postgres.query<{ state: string }>("SELECT state FROM erasures WHERE id = $1", [id]))
          .rows[0],
      (row) => row?.state === "done",
    );
    const all = (sent.get(expiring)?.length ?? 0) - theirs.length;
    expect(await accounts(expiring)).toMatchObject({ rows: all, days: all });
    const files = await archives(expiring);
    expect(files.reduce((sum, { rows }) => sum + rows, 0)).toBe(archivedBefore - theirs.filter(isOld).length);
    // Nothing lies there but what is listed.
    const there = await readdir(join(dataDir, "archives", "expiring"), { recursive: true });
    expect(there.filter((name) => name.endsWith(".parquet")).length).toBe(files.length);
    expect(there.filter((name) => name.endsWith(".json")).length).toBe(files.length);

    const months = [...new Set(files.map(({ month }) => month))];
    await call("restore", { months, keep_days: 0 }, expiring);
    await waitFor(
      () => accounts(expiring),
      (found) => found.rows < all,
    );
    await waitFor(
      async () => (await call<{ restores: Restore[] }>("archives", {}, expiring)).restores,
      (restores) => restores.every(({ state }) => state === "released"),
    );
    await call("restore", { months }, expiring);
    expect(
      await waitFor(
        () => accounts(expiring),
        (found) => found.rows === all && found.steps === all,
      ),
    ).toMatchObject({
      ids: all,
      days: all,
    });
  });

  it("keeps archives in a bucket", async () => {
    const objects = await startObjectStore();
    try {
      bed.killAll();
      bed.startWorkers("bucket", { MILLRACE_DATA_DIR: dataDir, MILLRACE_ARCHIVE_S3_URL: objects.url });
      await setPolicy("kept", { raw_days: 30, archive: "s3" });
      await stored(kept, young(kept));
      await waitFor(openRemovals, (open) => open === 0);
      const files = await archives(kept);
      expect(files.reduce((sum, { rows }) => sum + rows, 0)).toBe(300 - young(kept));
      expect((await objects.list()).length).toBe(2 * files.length);
      const months = [...new Set(files.map(({ month }) => month))];
      await call("restore", { months }, kept);
      expect(await stored(kept, 300)).toMatchObject({ ids: 300 });
    } finally {
      await objects.stop();
    }
  });

  it("removes counts that are too old, and nobody else's", async () => {
    const click = (id: number): Partial<LogEvent> => ({
      event: "link.clicked",
      user_id: "",
      anonymous_id: `visitor-${id}`,
      properties: JSON.stringify({ link_id: "lnk_1", bot: false, preview: false, country: "FR" }),
    });
    const clicks = await send(expiring, 60, (id) => (id % 12) * 20, click);
    await send(kept, 60, (id) => (id % 12) * 20, click);
    /** Clicks by table, and by value of one of ten dimensions. */
    const clicked = async (project: number): Promise<number[]> => {
      const tables = ["link_clicks_quarter", "link_clicks_day", "link_values_quarter", "link_values_day"];
      const result = await bed.clickhouse.query({
        query: tables
          .map((table) => `(SELECT toUInt32(sum(clicks)) FROM ${table} WHERE project_id = ${project})`)
          .join(", ")
          .replace(/^/, "SELECT "),
        format: "JSONCompactEachRow",
      });
      const [row] = await result.json<number[]>();
      return row ?? [];
    };
    // An insert, and a removal, go through the four tables one after the other.
    const isEqual = (counts: readonly number[]) => (found: readonly number[]) =>
      counts.every((count, index) => count === found[index]);
    for (const project of [expiring, kept])
      await waitFor(() => clicked(project), isEqual([60, 60, 600, 600]));
    const all = sent.get(kept)?.length ?? 0;
    const others = await waitFor(
      () => accounts(kept),
      (found) => found.days === all && found.minutes === all,
    );
    await setPolicy("expiring", { raw_days: 30, aggregate_days: 60, archive: "disk" });
    const { aggregates_from: from } = await waitFor(
      () => call<RetentionPolicy>("policy", { id: "expiring" }),
      (policy) => policy.aggregates_from !== null,
    );
    const date = new Date(now - 60 * dayMs);
    expect(from).toBe(new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1)).toISOString());
    const left = (sent.get(expiring) ?? []).filter(
      (event) => event.timestamp >= Date.parse(from ?? "") && event.user_id !== "user-7",
    ).length;
    await waitFor(
      () => accounts(expiring),
      (found) => found.minutes === left && found.days === left,
    );
    const clicksLeft = clicks.filter(({ timestamp }) => timestamp >= Date.parse(from ?? "")).length;
    expect(clicksLeft).toBeGreaterThan(0);
    expect(clicksLeft).toBeLessThan(60);
    await waitFor(
      () => clicked(expiring),
      isEqual([clicksLeft, clicksLeft, 10 * clicksLeft, 10 * clicksLeft]),
    );
    expect(await accounts(kept)).toMatchObject({
      days: others.days,
      minutes: others.minutes,
      users: others.users,
    });
    expect(await clicked(kept)).toEqual([60, 60, 600, 600]);
  });
});
