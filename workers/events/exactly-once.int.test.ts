// What the pipeline promises, against the real servers and real worker processes.
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { jetstreamManager } from "@nats-io/jetstream";
import type { LogEvent } from "#schemas/events/event.ts";
import { deadStream, eventSubject } from "#streams/catalogue.ts";
import {
  buildEvent,
  expectedAccounts,
  partitions,
  readAccounts,
  startBed,
  type Bed,
} from "../testing/worker-processes.ts";
import { replayDead } from "./replay-dead.ts";

describe("the pipeline counts every event exactly once", { timeout: 120_000 }, () => {
  let bed: Bed;
  const sent: LogEvent[] = [];
  let nextId = 0;

  beforeAll(async () => {
    bed = await startBed();
  });
  afterAll(async () => {
    await bed.close();
  });

  async function send(count: number): Promise<void> {
    const fresh = Array.from({ length: count }, () => buildEvent((nextId += 1)));
    const repeats = sent.slice(-Math.ceil(count / 4));
    sent.push(...fresh);
    await bed.publish([...fresh, ...repeats, ...fresh.slice(0, Math.ceil(count / 10))]);
  }

  async function settle(msMax = 30_000): Promise<void> {
    const deadline = Date.now() + msMax;
    const expected = expectedAccounts(sent);
    for (;;) {
      // First: what is committed after this look is in the accounts, or it is pending.
      const pending = await pendingPartitions();
      const accounts = await readAccounts(bed);
      if (pending === 0 || Date.now() > deadline) {
        expect({ pending, ...accounts }).toEqual({ pending: 0, ...expected });
        return;
      }
      await sleep(100);
    }
  }

  /** Partitions whose last block is not committed yet, or whose batch is open. */
  async function pendingPartitions(): Promise<number> {
    const manager = await jetstreamManager(bed.connection);
    const { rows } = await bed.postgres.query<{ partition: number; committed: string; open: boolean }>(
      "SELECT partition, committed_sequence AS committed, intent_token IS NOT NULL AS open FROM log_partitions",
    );
    if (rows.length < partitions) return partitions;
    let pending = 0;
    for (const row of rows) {
      const last = await manager.direct.getMessage("EVENTS", { last_by_subj: eventSubject(row.partition) });
      if (row.open || Number(row.committed) < (last?.seq ?? 0)) pending += 1;
    }
    return pending;
  }

  it("with repeats in the same block, in later blocks, and over several months", async () => {
    bed.startWorkers("steady");
    for (let round = 0; round < 5; round += 1) await send(200);
    await settle();
  });

  it("when worker processes are killed with -9 while they store", async () => {
    let workers = bed.startWorkers("victim");
    for (let round = 0; round < 8; round += 1) {
      await send(500);
      await sleep(100 + Math.random() * 900);
      workers.kill("SIGKILL");
      await once(workers, "exit");
      workers = bed.startWorkers("victim");
      await send(100);
    }
    await settle();
    // The latest life may have done nothing yet: it stops cleanly once it owns partitions.
    await sleep(2_000);
    workers.kill("SIGTERM");
    expect(await once(workers, "exit")).toEqual([0, null]);
  });

  it("when a frozen owner wakes up after another process took its partitions", async () => {
    const slow = bed.startWorkers("slow");
    const owned = async (): Promise<number> =>
      Number(
        (await bed.postgres.query("SELECT count(*) FROM log_partitions WHERE owner = 'slow'")).rows[0]?.count,
      );
    for (let tries = 0; tries < 200 && (await owned()) === 0; tries += 1) await sleep(100);
    expect(await owned()).toBeGreaterThan(0);
    await send(500);
    slow.kill("SIGSTOP");
    await send(500);
    await settle();
    expect(await owned()).toBe(0);
    slow.kill("SIGCONT");
    await send(500);
    await settle();
    slow.kill("SIGTERM");
    expect(await once(slow, "exit")).toEqual([0, null]);
    await send(300);
    await settle();
  });

  it("when a batch was stored but its end was not recorded", async () => {
    const { rows } = await bed.postgres.query<{ partition: number }>(
      `UPDATE log_partitions SET epoch = epoch + 1, owner = NULL, committed_sequence = batch.from_sequence - 1,
         intent_from = batch.from_sequence, intent_to = batch.to_sequence, intent_token = batch.token
       FROM (SELECT DISTINCT ON (partition) * FROM log_batches ORDER BY partition, from_sequence DESC) AS batch
       WHERE log_partitions.partition = batch.partition RETURNING log_partitions.partition`,
    );
    expect(rows.length).toBe(partitions);
    await settle();
  });

  it("when the store lost its latest parts after it had confirmed them", async () => {
    const fresh = await startBed();
    try {
      const events = Array.from({ length: 1_000 }, (_, id) => buildEvent(id));
      let workers = fresh.startWorkers("power");
      await fresh.publish(events);
      await waitForAccounts(fresh, events);
      workers.kill("SIGTERM");
      await once(workers, "exit");
      const tables = ["events", "steps", "steps_sample", "rollup_minute", "rollup_hour", "rollup_day"];
      for (const table of [...tables, "rollup_hour_any", "rollup_day_any"]) {
        const parts = await fresh.clickhouse.query({
          query: `SELECT DISTINCT partition_id FROM system.parts WHERE database = currentDatabase() AND table = {table:String} AND active`,
          query_params: { table },
          format: "JSONEachRow",
        });
        for (const { partition_id: id } of await parts.json<{ partition_id: string }>()) {
          await fresh.clickhouse.command({ query: `ALTER TABLE ${table} DROP PARTITION ID '${id}'` });
        }
      }
      expect((await readAccounts(fresh))["rows"]).toBe(0);
      workers = fresh.startWorkers("power");
      await waitForAccounts(fresh, events);
    } finally {
      await fresh.close();
    }
  });

  it("while blocks that nobody can read go to the dead stream, with the reason, and can be replayed", async () => {
    bed.connection.publish(eventSubject(1), "not a block");
    await send(100);
    await settle();
    const seen: string[] = [];
    const dry = await replayDead(bed.connection, {
      origin: "EVENTS",
      dryRun: true,
      onMessage: (message) => seen.push(`${message.subject}: ${message.reason}`),
    });
    expect(dry).toEqual({ seen: 1, replayed: 0 });
    expect(seen).toEqual(["events.1: unknown block schema"]);
    expect(
      await replayDead(bed.connection, { origin: "EVENTS", dryRun: false, onMessage: () => {} }),
    ).toEqual({
      seen: 1,
      replayed: 1,
    });
    await settle();
    const manager = await jetstreamManager(bed.connection);
    // Still unreadable, so it is dead again, once.
    expect((await manager.streams.info(deadStream)).state.messages).toBe(1);
  });

  it("while events that the stores cannot hold are quarantined and their neighbours stored", async () => {
    const good = buildEvent((nextId += 1));
    sent.push(good);
    await bed.publish([
      buildEvent(-1, { timestamp: Date.UTC(1850, 0, 1), event_id: "too-old" }),
      good,
      buildEvent(-2, { properties: "{broken", event_id: "broken-properties" }),
      buildEvent(-3, { user_id: "", event_id: "nobody" }),
    ]);
    await settle();
    const result = await bed.clickhouse.query({
      query:
        "SELECT event_id, reason FROM event_outcomes FINAL WHERE outcome = 'quarantined' ORDER BY event_id",
      format: "JSONEachRow",
    });
    expect(await result.json()).toEqual([
      { event_id: "broken-properties", reason: "PROPERTIES_INVALID" },
      { event_id: "nobody", reason: "USER_MISSING" },
      { event_id: "too-old", reason: "TIMESTAMP_INVALID" },
    ]);
  });
});

/** Raw rows become visible a moment before what depends on them: waits until all accounts agree. */
async function waitForAccounts(bed: Bed, events: readonly LogEvent[]): Promise<void> {
  const expected = expectedAccounts(events);
  for (let tries = 0; tries < 200; tries += 1) {
    if (isDeepStrictEqual(await readAccounts(bed), expected)) return;
    await sleep(100);
  }
  expect(await readAccounts(bed)).toEqual(expected);
}
