// Erasing people while events come and processes die: every store's account is that of a world without them.
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Erasure } from "#schemas/erasure/erasure.ts";
import { madeOfDays, rowsInPassing, rowsOfUsers, setsOfUsers } from "#schemas/erasure/tables-of-users.ts";
import type { LogEvent } from "#schemas/events/event.ts";
import { callService } from "#streams/call-service.ts";
import {
  buildEvent,
  expectedAccounts,
  readAccounts,
  startBed,
  type Bed,
} from "../testing/worker-processes.ts";

const projectId = 1;
let bed: Bed;

beforeAll(async () => {
  bed = await startBed();
  await bed.postgres.query("INSERT INTO projects (public_id, name) VALUES ('p', 'p')");
});

afterAll(async () => {
  await bed.close();
});

function call<T>(subject: string, payload: object): Promise<T> {
  return callService(bed.connection, subject, payload, {
    requestId: "r",
    projectId,
    timeoutMs: 10_000,
  }) as Promise<T>;
}

async function erase(id: string): Promise<string> {
  for (;;) {
    try {
      return (await call<Erasure>("svc.erasures.create", { id })).erasure_id;
    } catch {
      // The process that answers is being killed, or starts.
      await sleep(100);
    }
  }
}

async function receiptOf(id: string, msMax = 60_000): Promise<Erasure> {
  const deadline = Date.now() + msMax;
  for (;;) {
    const { rows } = await bed.postgres.query<{ state: string; error: string | null }>(
      "SELECT state, error FROM erasures WHERE id = $1",
      [id],
    );
    if (rows[0]?.state === "done") break;
    if (Date.now() > deadline) throw new Error(`erasure is ${JSON.stringify(rows[0])}`);
    await sleep(50);
  }
  for (;;) {
    try {
      return await call<Erasure>("svc.erasures.get", { erasure_id: id });
    } catch {
      await sleep(100);
    }
  }
}

async function settle(expected: Record<string, number>, msMax = 40_000): Promise<void> {
  const deadline = Date.now() + msMax;
  for (;;) {
    const accounts = await readAccounts(bed);
    if (JSON.stringify(accounts) === JSON.stringify(expected)) return;
    if (Date.now() > deadline) {
      expect(accounts).toEqual(expected);
      return;
    }
    await sleep(100);
  }
}

describe("erasing people", { timeout: 180_000 }, () => {
  const sent: LogEvent[] = [];
  let nextId = 0;

  async function send(count: number, change: Partial<LogEvent> = {}): Promise<void> {
    const events = Array.from({ length: count }, () => buildEvent((nextId += 1), change));
    sent.push(...events);
    await bed.publish(events);
  }

  const withoutUsers = (...users: string[]): LogEvent[] =>
    sent.filter((event) => !users.includes(event.user_id));

  it("names every table that holds a user", async () => {
    const result = await bed.clickhouse.query({
      query: `SELECT table, name, type FROM system.columns
        WHERE database = currentDatabase() AND table IN (SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree')
          AND (name LIKE '%user_number%' OR name LIKE '%person%' OR type LIKE '%groupBitmap%')`,
      format: "JSONEachRow",
    });
    const found = new Set((await result.json<{ table: string }>()).map(({ table }) => table));
    const named = new Set<string>([...rowsOfUsers, ...setsOfUsers, ...rowsInPassing, ...madeOfDays]);
    expect([...found].filter((table) => !named.has(table))).toEqual([]);
  });

  it("takes back what they added to every table, with a receipt", async () => {
    bed.startWorkers("first");
    await send(1_000);
    await settle(expectedAccounts(sent));
    const mine = sent.filter((event) => event.user_id === "user-5").length;
    const receipt = await receiptOf(await erase("user-5"));
    expect(receipt).toMatchObject({ state: "done", error: null, removed: { events: mine, steps: mine } });
    await settle(expectedAccounts(withoutUsers("user-5")));
    const { rows } = await bed.postgres.query("SELECT * FROM user_numbers WHERE user_key LIKE '%user-5'");
    expect(rows).toEqual([]);
    const text = await bed.postgres.query("SELECT (SELECT json_agg(erasures) FROM erasures)::text AS text");
    expect((text.rows[0] as { text: string }).text).not.toContain("user-5");
  });

  it("gives the same id a new number afterwards, and drops what was received before", async () => {
    const before = await bed.postgres.query<{ user_number: string }>("SELECT user_number FROM user_numbers");
    const taken = before.rows.map(({ user_number }) => user_number);
    const late = buildEvent((nextId += 1), { user_id: "user-5", received_at: Date.now() - 60_000 });
    await bed.publish([late]);
    const again = buildEvent((nextId += 1), { user_id: "user-5" });
    await bed.publish([again]);
    const kept = [...withoutUsers("user-5"), again];
    await settle(expectedAccounts(kept));
    const { rows } = await bed.postgres.query<{ user_number: string }>(
      "SELECT user_number FROM user_numbers WHERE user_key = 'u:user-5'",
    );
    expect(taken).not.toContain(rows[0]?.user_number);
    sent.splice(0, sent.length, ...kept);
  });

  it("is not undone by rows of a file that came before and is read afterwards, however long that takes", async () => {
    const startedAtMs = Date.now();
    await bed.postgres.query(
      `INSERT INTO uploads (id, project_id, state, format, mapping, moved_at)
       VALUES ('up_slow', 1, 'processing', 'csv', '{}', now() - interval '2 hours')`,
    );
    const receipt = await receiptOf(await erase("user-6"));
    expect(receipt.unread_uploads).toEqual(["up_slow"]);
    await bed.postgres.query("DELETE FROM uploads");
    const late = { user_id: "user-6", received_at: Date.now() + 1_000 };
    await bed.publish([buildEvent((nextId += 1), late)], startedAtMs);
    const afterwards = buildEvent((nextId += 1), late);
    await bed.publish([afterwards], Date.parse(receipt.erased_before as string) + 10);
    const kept = [...withoutUsers("user-6"), afterwards];
    await settle(expectedAccounts(kept));
    sent.splice(0, sent.length, ...kept);
  });

  it("waits for a file that is being read", async () => {
    await bed.postgres.query(
      `INSERT INTO uploads (id, project_id, state, format, mapping)
       VALUES ('up_read', 1, 'processing', 'csv', '{}')`,
    );
    const id = await erase("nobody");
    await sleep(1_000);
    expect(await call<Erasure>("svc.erasures.get", { erasure_id: id })).toMatchObject({ state: "waiting" });
    await bed.postgres.query("DELETE FROM uploads");
    expect(await receiptOf(id)).toMatchObject({ unread_uploads: [], removed: { events: 0 } });
  });

  it("of many at once, each with a receipt of its own", async () => {
    const users = Array.from({ length: 12 }, (_, index) => `user-${40 + index}`);
    const own = (user: string): number => sent.filter((event) => event.user_id === user).length;
    // Asked twice for one of them: the same erasure, or another one that finds nothing.
    const ids = await Promise.all([...users, users[0] as string].map(async (user) => erase(user)));
    const receipts = await Promise.all(ids.map(async (id) => receiptOf(id)));
    const removed = new Map<string, number>();
    for (const [index, receipt] of receipts.entries()) {
      const user = users[index % users.length] as string;
      removed.set(user, Math.max(removed.get(user) ?? 0, receipt.removed["events"] ?? 0));
    }
    expect(Object.fromEntries(removed)).toEqual(Object.fromEntries(users.map((user) => [user, own(user)])));
    // The first may be gone before the others are asked for; those go together.
    const together = receipts.map((receipt) => receipt.removed_together?.["people"] ?? 1);
    expect(Math.max(...together)).toBeGreaterThan(5);
    const kept = withoutUsers(...users);
    await settle(expectedAccounts(kept));
    sent.splice(0, sent.length, ...kept);
  });

  it("while events come and workers are killed with -9", async () => {
    let workers = bed.startWorkers("victim");
    const erased: { user: string; id: string; atMs: number }[] = [];
    for (let round = 0; round < 6; round += 1) {
      await send(400);
      const user = `user-${20 + round}`;
      erased.push({ user, id: await erase(user), atMs: Date.now() });
      await send(100);
      await sleep(50 + Math.random() * 700);
      workers.kill("SIGKILL");
      await once(workers, "exit");
      workers = bed.startWorkers("victim");
      await send(100);
    }
    const before = new Map<string, number>();
    for (const { user, id } of erased) {
      const receipt = await receiptOf(id, 90_000);
      before.set(user, Date.parse(receipt.erased_before as string));
    }
    // Received after the cut: another user of the same id.
    const kept = sent.filter((event) => !(event.received_at <= (before.get(event.user_id) ?? -1)));
    await settle(expectedAccounts(kept));
    sent.splice(0, sent.length, ...kept);
  });

  it("of a person with several ids, whichever is named, and nobody else", async () => {
    const ids = ["joined-a", "joined-b", "joined-c"];
    await bed.publish(
      ids.map((anonymous, index) =>
        buildEvent((nextId += 1), {
          event: "$identify",
          user_id: "joined",
          anonymous_id: anonymous,
          properties: JSON.stringify({ amount: index, $set: { plan: "pro" } }),
        }),
      ),
    );
    await bed.publish(
      ids.map((anonymous) => buildEvent((nextId += 1), { user_id: "", anonymous_id: anonymous })),
    );
    await expect
      .poll(async () => (await readAccounts(bed))["rows"], { timeout: 20_000 })
      .toBe((expectedAccounts(sent)["rows"] as number) + 6);
    const receipt = await receiptOf(await erase("joined-b"));
    expect(receipt.removed).toMatchObject({ events: 6, user_properties: 1 });
    await settle(expectedAccounts(sent));
    const left = await bed.clickhouse.query({
      query:
        "SELECT (SELECT count() FROM user_properties) + (SELECT count() FROM persons) + (SELECT count() FROM person_history) AS rows",
      format: "JSONEachRow",
    });
    const [remaining] = await left.json<{ rows: number | string }>();
    expect(Number(remaining?.rows)).toBe(0);
    const { rows } = await bed.postgres.query("SELECT FROM user_merges UNION ALL SELECT FROM user_persons");
    expect(rows).toEqual([]);
  });
});
