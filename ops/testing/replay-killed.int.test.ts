// The edge replays what was kept aside and is killed with -9: before the log has all of a page, between the log's word
// and the moment when the page is closed, and after; worker processes die in between as well. Whoever replays again
// brings nothing twice, and nothing is left out.
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { QuarantinePage } from "#schemas/plans/quarantine.ts";
import { callService } from "#streams/call-service.ts";
import { startQueryProcess } from "#workers/testing/query-process.ts";
import { buildEvent, readAccounts, startBed, type Bed } from "#workers/testing/worker-processes.ts";
import { startEdgeProcess } from "./edge-process.ts";
import { chooseFreePort } from "./free-port.ts";

const adminKey = "replay_admin";
const settings = {
  MILLRACE_WRITE_KEY: "replay_write",
  MILLRACE_READ_KEY: "replay_read",
  MILLRACE_ADMIN_KEY: adminKey,
};
/** More than a page of replays, so that kills meet several. */
const eventsPerRound = 1_200;
const roundsMin = Number(process.env["MILLRACE_TEST_CASES"] ?? 6);
const roundsMax = roundsMin * 5;
/** A kill may come before the log has a block, or after the page is closed: this many are to come in between. */
const betweenMin = Math.ceil(roundsMin / 2);
const killedWithinMs = 25;

let bed: Bed;
let edgeFolder: string;
let port: number;
let edge: ChildProcess | undefined;
let workers: ChildProcess;
const stops: (() => void)[] = [];

beforeAll(async () => {
  edgeFolder = await mkdtemp(join(tmpdir(), "millrace-replay-"));
  port = await chooseFreePort();
  bed = await startBed();
  workers = bed.startWorkers("replay", settings);
  const query = await startQueryProcess(bed);
  stops.push(() => query.stop());
}, 120_000);

afterAll(async () => {
  edge?.kill("SIGKILL");
  for (const stop of stops) stop();
  await bed?.close();
  await rm(edgeFolder, { recursive: true, force: true });
});

async function call<T>(subject: `svc.${string}`, payload: object, parameters: object = {}): Promise<T> {
  const deadline = performance.now() + 60_000;
  for (;;) {
    try {
      const options = { requestId: "r", projectId: 1, timeoutMs: 5_000, parameters: { ...parameters } };
      return (await callService(bed.connection, subject, payload, options)) as T;
    } catch (error) {
      const { code } = error as { code?: string };
      const isAway = code === "SERVICE_UNAVAILABLE" || code === "STORE_UNAVAILABLE";
      if (!isAway || performance.now() > deadline) throw error;
      await sleep(100);
    }
  }
}

async function keptAside(): Promise<Set<string>> {
  const ids = new Set<string>();
  let cursor: string | null | undefined;
  while (cursor !== null) {
    const page: QuarantinePage = await call("svc.query.quarantine", {
      limit: 1_000,
      ...(cursor === undefined ? {} : { cursor }),
    });
    for (const { event_id: id } of page.events) {
      expect(ids.has(id), `${id} on two pages`).toBe(false);
      ids.add(id);
    }
    cursor = page.next;
  }
  return ids;
}

async function replay(): Promise<{ replayed: number; rejected: unknown[]; left: boolean }> {
  const deadline = performance.now() + 60_000;
  for (;;) {
    const response = await fetch(`http://127.0.0.1:${port}/v1/quarantine/replay`, {
      method: "POST",
      headers: { authorization: `Bearer ${adminKey}`, "content-type": "application/json" },
      body: JSON.stringify({ patch: { properties: { amount: 1 } } }),
    }).catch(() => undefined);
    if (response?.status === 200) {
      return (await response.json()) as { replayed: number; rejected: unknown[]; left: boolean };
    }
    await response?.text();
    if (performance.now() > deadline) throw new Error(`the replay is not answered: ${response?.status}`);
    await sleep(50);
  }
}

test(
  "a replay that is killed at any moment, and done again, counts once",
  { timeout: 120_000 + roundsMax * 30_000 },
  async () => {
    const schema = {
      type: "object",
      required: ["amount"],
      properties: { amount: { type: "number", maximum: 1 } },
    };
    await call("svc.plans.put", { schema, mode: "quarantine" }, { event: "kept_aside" });
    // Processes that start afterwards know of it.
    workers.kill("SIGKILL");
    await once(workers, "exit");
    workers = bed.startWorkers("replay", settings);

    let round = 0;
    let between = 0;
    for (; round < roundsMin || (between < betweenMin && round < roundsMax); round += 1) {
      const wrong = Array.from({ length: eventsPerRound }, (_, index) =>
        buildEvent(round * eventsPerRound + index, { event: "kept_aside", properties: '{"amount":100}' }),
      );
      await bed.publish(wrong);
      await expect
        .poll(async () => (await keptAside()).size, { timeout: 60_000, interval: 200 })
        .toBe(eventsPerRound);

      edge = startEdgeProcess(bed, { folder: edgeFolder, port });
      const killed = edge;
      let closings = 0;
      let blocks = 0;
      const delayMs = Math.random() < 0.4 ? 0 : Math.random() * killedWithinMs;
      const gone = once(killed, "exit");
      // Both are seen by whoever listens: the block when it is sent, the closing when it is asked for.
      const seen = [
        bed.connection.subscribe("events.*", {
          callback: () => {
            blocks += 1;
            if (blocks > 1) return;
            if (delayMs === 0) killed.kill("SIGKILL");
            else setTimeout(() => killed.kill("SIGKILL"), delayMs);
          },
        }),
        bed.connection.subscribe("svc.plans.close_quarantined", { callback: () => void (closings += 1) }),
      ];
      const first = replay().catch(() => undefined);
      await gone;
      await bed.connection.flush();
      if (blocks > 0 && closings === 0) between += 1;
      for (const subscription of seen) subscription.unsubscribe();
      if (Math.random() < 0.4) {
        workers.kill("SIGKILL");
        await once(workers, "exit");
        workers = bed.startWorkers("replay", settings);
      }
      // At once, while what the first one sent may not be stored yet; the first one's sender tries again, too.
      edge = startEdgeProcess(bed, { folder: edgeFolder, port });
      await Promise.all([first, replay()]);
      await expect.poll(async () => (await keptAside()).size, { timeout: 60_000, interval: 200 }).toBe(0);
      edge.kill("SIGKILL");
      await once(edge, "exit");
    }
    const events = round * eventsPerRound;
    await expect
      .poll(() => readAccounts(bed), { timeout: 60_000, interval: 200 })
      .toMatchObject({
        rows: events,
        ids: events,
        amount: events,
        steps: events,
        hours: events,
        days: events,
      });
    console.log(`${round} kills, ${between} of them after a block was sent and before its page was closed`);
    expect(between).toBeGreaterThanOrEqual(betweenMin);
  },
);
