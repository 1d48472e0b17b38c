// Clicks through the real pipeline: raw rows, rollups and totals say the same, whatever is sent twice, comes late, or is
// killed meanwhile.
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LogEvent } from "#schemas/events/event.ts";
import { transact } from "#ops/runtime/transact.ts";
import { callService } from "#streams/call-service.ts";
import { buildEvent, startBed, type Bed } from "../testing/worker-processes.ts";
import { LinkStore } from "./link-store.ts";
import { readNewLink } from "./read-link.ts";
import { createVisitorSalts } from "./visitor-salts.ts";

const hourMs = 3_600_000;
const links = 7;
let bed: Bed;
let nextId = 0;
const sent: LogEvent[] = [];

beforeAll(async () => {
  bed = await startBed();
  await makeLinks();
});
afterAll(async () => {
  await bed.close();
});

interface Totals {
  clicks: number;
  bots: number;
  previews: number;
  lastAtMs: number | null;
}

function buildClick(): LogEvent {
  const id = (nextId += 1);
  const atMs = Date.now() - (id % 50) * hourMs;
  return buildEvent(id, {
    event: "link.clicked",
    event_id: `click-${id}`,
    user_id: "",
    anonymous_id: `visitor-${id % 83}`,
    timestamp: atMs,
    properties: JSON.stringify({
      link_id: `lnk_${id % links}`,
      code: `code${id % links}`,
      bot: id % 5 === 0,
      preview: id % 10 === 0 || id % 11 === 0,
      country: id % 2 === 0 ? "FR" : undefined,
      amount: 1,
    }),
  });
}

/** Clicks of links that there are not count nothing but themselves. */
async function makeLinks(): Promise<void> {
  await bed.postgres.query("INSERT INTO projects (public_id, name) VALUES ('p', 'p')");
  await bed.postgres.query(
    `INSERT INTO links (public_id, project_id, domain, code, url, target, redirect, forward_query, tags)
     SELECT 'lnk_' || number, 1, '', 'code' || number, 'https://e.com/', 'https://e.com/', 302, false, '{}'
     FROM generate_series(0, $1) AS number`,
    [links - 1],
  );
}

/** New clicks among other events; some of them twice, and some that were sent long before. */
async function send(count: number): Promise<void> {
  const clicks = Array.from({ length: count }, buildClick);
  const others = Array.from({ length: 50 }, () => buildEvent((nextId += 1)));
  const again = [...sent.slice(0, 20), ...sent.slice(-Math.ceil(count / 4)), ...clicks.slice(0, 10)];
  sent.push(...clicks);
  await bed.publish([...clicks, ...others, ...again]);
}

function countPlainly(): Record<string, Totals> {
  const totals: Record<string, Totals> = {};
  for (const { properties, timestamp } of sent) {
    const {
      link_id: id,
      bot,
      preview,
    } = JSON.parse(properties) as {
      link_id: string;
      bot: boolean;
      preview: boolean;
    };
    const total = (totals[id] ??= { clicks: 0, bots: 0, previews: 0, lastAtMs: null });
    if (bot) total.bots += 1;
    else if (preview) total.previews += 1;
    else {
      total.clicks += 1;
      total.lastAtMs = Math.max(total.lastAtMs ?? 0, timestamp);
    }
  }
  return totals;
}

async function inRelations(): Promise<Record<string, Totals>> {
  const { rows } = await bed.postgres.query<Totals & { link_id: string }>(
    `SELECT link_id, sum(clicks)::int AS clicks, sum(bots)::int AS bots, sum(previews)::int AS previews,
            (extract(epoch FROM max(last_clicked_at)) * 1000)::float8 AS "lastAtMs"
     FROM link_totals GROUP BY link_id`,
  );
  return Object.fromEntries(rows.map(({ link_id, ...totals }) => [link_id, totals]));
}

async function inStore(sql: string): Promise<Record<string, Totals>> {
  const result = await bed.clickhouse.query({
    query: sql,
    format: "JSONEachRow",
    clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
  });
  const rows = await result.json<Totals & { id: string }>();
  return Object.fromEntries(rows.map(({ id, ...totals }) => [id, totals]));
}

const rollup = (table: string): string =>
  `SELECT link_id AS id, sum(clicks) AS clicks, sum(bots) AS bots, sum(previews) AS previews,
     toUnixTimestamp64Milli(max(last_clicked_at)) AS lastAtMs FROM ${table} GROUP BY id`;
const raw = `SELECT properties.link_id.:String AS id,
    countIf(NOT properties.bot.:Bool AND NOT properties.preview.:Bool) AS clicks, countIf(properties.bot.:Bool) AS bots,
    countIf(NOT properties.bot.:Bool AND properties.preview.:Bool) AS previews,
    toUnixTimestamp64Milli(maxOrNullIf(timestamp, NOT properties.bot.:Bool AND NOT properties.preview.:Bool)) AS lastAtMs
  FROM events WHERE event = 'link.clicked' GROUP BY id`;

/** Clicks by people by every dimension and table that says so: each must be what the raw rows say. */
async function byValues(): Promise<unknown[]> {
  const result = await bed.clickhouse.query({
    query: `SELECT link_id AS id, dimension, sum(clicks) AS total FROM link_values_quarter GROUP BY id, dimension
      UNION ALL SELECT link_id, dimension, sum(clicks) FROM link_values_day GROUP BY link_id, dimension`,
    format: "JSONEachRow",
    clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
  });
  return result.json<{ id: string; dimension: string; total: number }>();
}

async function settle(msMax = 40_000): Promise<void> {
  const expected = countPlainly();
  const deadline = Date.now() + msMax;
  while (JSON.stringify(sorted(await inRelations())) !== JSON.stringify(sorted(expected))) {
    if (Date.now() > deadline) break;
    await sleep(100);
  }
  expect(await inRelations()).toEqual(expected);
  expect(await inStore(raw)).toEqual(expected);
  expect(await inStore(rollup("link_clicks_quarter"))).toEqual(expected);
  expect(await inStore(rollup("link_clicks_day"))).toEqual(expected);
  const values = (await byValues()) as { id: string; dimension: string; total: number }[];
  expect(values).toHaveLength(2 * 10 * links);
  for (const { id, dimension, total } of values) {
    expect({ id, dimension, total }).toEqual({ id, dimension, total: expected[id]?.clicks });
  }
}

function sorted(totals: Record<string, Totals>): unknown {
  return Object.entries(totals)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([id, { clicks, bots, previews, lastAtMs }]) => [id, clicks, bots, previews, lastAtMs]);
}

describe("clicks of links are counted once everywhere", { timeout: 120_000 }, () => {
  it("with repeats, and late ones", async () => {
    bed.startWorkers("steady");
    for (let round = 0; round < 4; round += 1) await send(300);
    await settle();
  });

  it("when worker processes are killed with -9 while they store", async () => {
    let workers = bed.startWorkers("victim");
    for (let round = 0; round < 8; round += 1) {
      await send(400);
      await sleep(100 + Math.random() * 900);
      workers.kill("SIGKILL");
      await once(workers, "exit");
      workers = bed.startWorkers("victim");
      await send(100);
    }
    await settle();
    workers.kill("SIGKILL");
  });

  it("less those of a visitor who was erased", async () => {
    const last = new Set(Object.values(countPlainly()).map(({ lastAtMs }) => lastAtMs));
    // The time of a link's last click stays.
    const latest = new Set(
      sent.filter(({ timestamp }) => last.has(timestamp)).map((click) => click.anonymous_id),
    );
    const erased = sent.find((click) => !latest.has(click.anonymous_id))?.anonymous_id;
    const about = { requestId: "r", projectId: 1, timeoutMs: 10_000 };
    await callService(bed.connection, "svc.erasures.create", { id: erased }, about);
    const remaining = sent.filter((click) => click.anonymous_id !== erased);
    expect(remaining.length).toBeLessThan(sent.length);
    sent.splice(0, sent.length, ...remaining);
    const read = async (): Promise<unknown[]> =>
      (await bed.postgres.query("SELECT state, removed FROM erasures")).rows;
    for (let tries = 0; tries < 400 && !JSON.stringify(await read()).includes('"done"'); tries += 1) {
      await sleep(100);
    }
    expect(await read()).toMatchObject([{ state: "done", removed: { link_totals: links } }]);
    await settle();
  });

  it("when the store lost the latest batches after their effects were written", async () => {
    const fresh = await startBed();
    const before = bed;
    bed = fresh;
    sent.length = 0;
    try {
      await makeLinks();
      let workers = fresh.startWorkers("power");
      await send(500);
      await settle();
      workers.kill("SIGTERM");
      await once(workers, "exit");
      const result = await fresh.clickhouse.query({
        query: `SELECT DISTINCT table, partition_id AS id FROM system.parts
          WHERE database = currentDatabase() AND active AND (table LIKE 'link_%' OR table LIKE 'events' OR table LIKE 'rollup_%' OR table LIKE 'steps%')`,
        format: "JSONEachRow",
      });
      for (const { table, id } of await result.json<{ table: string; id: string }>()) {
        await fresh.clickhouse.command({ query: `ALTER TABLE ${table} DROP PARTITION ID '${id}'` });
      }
      expect(await inStore(raw)).toEqual({});
      workers = fresh.startWorkers("power");
      const deadline = Date.now() + 30_000;
      while (JSON.stringify(sorted(await inStore(raw))) !== JSON.stringify(sorted(countPlainly()))) {
        if (Date.now() > deadline) break;
        await sleep(100);
      }
      // Whatever comes after it is counted on top of it.
      await send(100);
      await settle();
    } finally {
      bed = before;
      await fresh.close();
    }
  });
});

describe("a link that is deleted", { timeout: 60_000 }, () => {
  it("takes its totals with it, whatever is on its way, and leaves none to the next at its address", async () => {
    bed.startWorkers("deleting");
    const store = new LinkStore(bed.postgres, { onConflict: () => undefined });
    const ids = Array.from({ length: 10 }, (_, index) => `lnk_gone${index}`);
    await bed.postgres.query(
      `INSERT INTO links (public_id, project_id, domain, code, url, target, redirect, forward_query, tags)
       SELECT id, 1, '', id, 'https://e.com/', 'https://e.com/', 302, false, '{}' FROM unnest($1::text[]) AS id`,
      [ids],
    );
    let published = 0;
    let running = true;
    const publishing = (async () => {
      while (running) {
        const clicks = Array.from({ length: 40 }, (_, index) =>
          buildEvent((nextId += 1), {
            // The other project's clicks name links that are not its own.
            project_id: index % 8 === 0 ? 2 : 1,
            event: "link.clicked",
            event_id: `gone-${nextId}`,
            properties: JSON.stringify({ link_id: ids[index % ids.length], bot: false, preview: false }),
          }),
        );
        published += clicks.length;
        await bed.publish(clicks);
        await sleep(5);
      }
    })();
    const totals = async (): Promise<{ link_id: string; project_id: number }[]> =>
      (
        await bed.postgres.query<{ link_id: string; project_id: number }>(
          "SELECT DISTINCT link_id, project_id FROM link_totals WHERE link_id LIKE 'lnk_gone%'",
        )
      ).rows;
    await expect.poll(async () => (await totals()).length, { timeout: 20_000 }).toBe(ids.length);
    for (const id of ids) {
      await sleep(Math.random() * 100);
      await store.delete(1, { domain: "", code: id });
    }
    await sleep(300);
    running = false;
    await publishing;
    const stored = async (): Promise<number> => {
      const result = await bed.clickhouse.query({
        query: "SELECT count() AS rows FROM events WHERE startsWith(event_id, 'gone-')",
        format: "JSONEachRow",
      });
      return Number((await result.json<{ rows: string }>())[0]?.rows);
    };
    await expect.poll(stored, { timeout: 20_000 }).toBe(published);
    // The totals are written after the rows.
    const open = async (): Promise<number> =>
      (await bed.postgres.query("SELECT FROM log_partitions WHERE intent_token IS NOT NULL")).rows.length;
    await expect.poll(open, { timeout: 20_000 }).toBe(0);
    expect(await totals()).toEqual([]);
    const draft = await readNewLink({ url: "https://e.com/", alias: "lnk_gone0" }, "https://go.example");
    await transact(bed.postgres, (client) => store.insert(client, 1, [draft]));
    expect((await store.find(1, { domain: "", code: "lnk_gone0" })).totals.clicks).toBe("0");
  });
});

describe("the salt of visitors", () => {
  const day = (apart: number): string =>
    new Date(Date.now() + apart * 24 * hourMs).toISOString().slice(0, 10);

  it("is the same for everybody who asks at once, and another one on another day", async () => {
    bed.startWorkers("steady again");
    const ask = (of: string): Promise<unknown> =>
      callService(
        bed.connection,
        "svc.links.salt",
        { day: of },
        { requestId: "r", projectId: 0, timeoutMs: 5_000 },
      );
    for (let tries = 0; tries < 100; tries += 1) {
      if (await ask(day(0)).catch(() => undefined)) break;
      await sleep(100);
    }
    const salts = new Set(
      (await Promise.all(Array.from({ length: 20 }, () => ask(day(0))))).map((each) => JSON.stringify(each)),
    );
    expect(salts.size).toBe(1);
    expect([...salts][0]).toMatch(/^\{"salt":"[\w-]{43}"\}$/);
    expect(salts).not.toContain(JSON.stringify(await ask(day(1))));
    for (const wrong of [day(2), day(-2), "today", "", "2026-13-45"]) {
      await expect(ask(wrong), wrong).rejects.toMatchObject({ code: "INVALID_PARAMETER" });
    }
  });

  it("is gone two days later", async () => {
    const kept = async (): Promise<number> =>
      Number((await bed.postgres.query("SELECT count(*) FROM visitor_salts")).rows[0]?.count);
    const today = Date.now();
    await createVisitorSalts(bed.postgres, () => today).deleteOld();
    const count = await kept();
    expect(count).toBeGreaterThan(0);
    const later = createVisitorSalts(bed.postgres, () => today + 24 * hourMs);
    await later.deleteOld();
    expect(await kept()).toBe(count);
    await createVisitorSalts(bed.postgres, () => today + 3 * 24 * hourMs).deleteOld();
    expect(await kept()).toBe(0);
  });
});
