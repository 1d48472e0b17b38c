// Blocks of the encoder, inserted into the table of the migration and read back from the real server.
import { readFile } from "node:fs/promises";
import { Readable } from "node:stream";
import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { createClickHouse, type ClickHouse } from "#ops/runtime/clickhouse.ts";
import { BlockWriter } from "./block.ts";
import { EventsBlock, eventsInsertSettings, type EventRow } from "./events-block.ts";
import type { JsonObject } from "./dynamic-column.ts";
import { JsonColumn } from "./json-column.ts";
import { holdsNullElement } from "./json-text.ts";
import { UInt32Column } from "./number-columns.ts";
import { randomFrom, randomProperties } from "./random-properties.ts";

// Tables of its own in the database that all share: another process may run this test too.
const eventsTable = `encoder_events_${process.pid}`;
const objectsTable = `encoder_objects_${process.pid}`;
let clickhouse: ClickHouse;

beforeAll(async () => {
  clickhouse = createClickHouse(inject("servers").clickhouseUrl, { name: "test" });
  const migration = await readFile(
    new URL("../../../schemas/migrations/clickhouse/0001-events.sql", import.meta.url),
    "utf8",
  );
  await clickhouse.command({ query: migration.replace("EXISTS events", `EXISTS ${eventsTable}`) });
  await clickhouse.command({
    query: `CREATE TABLE ${objectsTable} (id UInt32, p JSON(max_dynamic_paths=256)) ENGINE = MergeTree ORDER BY id`,
  });
});
afterAll(async () => {
  for (const table of [eventsTable, objectsTable]) {
    await clickhouse.command({ query: `DROP TABLE IF EXISTS ${table} SYNC` });
  }
  await clickhouse.close();
});

async function insert(table: string, block: Buffer): Promise<void> {
  const { stream } = await clickhouse.exec({
    query: `INSERT INTO ${table} FORMAT Native`,
    values: Readable.from([block], { objectMode: false }),
    clickhouse_settings: { ...eventsInsertSettings, async_insert: 0 },
  });
  await stream.toArray();
}

async function select(query: string): Promise<Record<string, unknown>[]> {
  const result = await clickhouse.query({
    query,
    format: "JSONEachRow",
    clickhouse_settings: { json_type_escape_dots_in_keys: 1, output_format_json_quote_64bit_integers: 0 },
  });
  return result.json();
}

/** What ClickHouse's JSON type keeps of a value, comparable: no null and empty members, keys as own members. */
function kept(value: unknown): unknown {
  if (typeof value === "string") return value.toWellFormed();
  if (Object.is(value, -0)) return 0;
  if (Array.isArray(value)) return value.map(kept);
  if (typeof value !== "object" || value === null) return value;
  const members = new Map<string, unknown>();
  for (const [key, raw] of Object.entries(value)) {
    const member = kept(raw);
    if (member !== null && !(member instanceof Map && member.size === 0))
      members.set(key.toWellFormed(), member);
  }
  return members;
}

async function insertObjects(column: JsonColumn, objects: readonly object[], firstId = 0): Promise<void> {
  const ids = new UInt32Column("id");
  for (const [index, object] of objects.entries()) {
    ids.append(firstId + index);
    expect(column.append(JSON.stringify(object))).toBe(true);
  }
  const block = new BlockWriter().write([ids, column], objects.length);
  column.reset();
  await insert(objectsTable, block);
}

async function selectObjects(): Promise<unknown[]> {
  const rows = await select(`SELECT id, p FROM ${objectsTable} ORDER BY id`);
  return rows.map((row) => row["p"]);
}

async function roundTrip(column: JsonColumn, objects: readonly object[]): Promise<unknown[]> {
  await clickhouse.command({ query: `TRUNCATE TABLE ${objectsTable}` });
  await insertObjects(column, objects);
  return selectObjects();
}

function expectSame(stored: readonly unknown[], objects: readonly object[]): void {
  expect(stored.length).toBe(objects.length);
  for (const [index, object] of objects.entries()) {
    const expected = kept(JSON.parse(JSON.stringify(object)));
    if (isDeepStrictEqual(kept(stored[index]), expected)) continue;
    expect(JSON.stringify(stored[index]).slice(0, 2000), `row ${index}`).toBe(
      JSON.stringify(object).slice(0, 2000),
    );
  }
}

const shapes: object[] = [
  {},
  { n: 12, m: 12.5 },
  { n: 12.5, m: 12 },
  { n: Number.MAX_SAFE_INTEGER, m: Number.MIN_SAFE_INTEGER },
  { n: 2 ** 53, m: 2 ** 64 },
  { n: 1e308, m: 5e-324 },
  { n: -0, m: [-0] },
  { s: "é😀\u0000\u2028\\\"'", t: "x".repeat(30_000) },
  { s: "\ud800 lone", "\udc00": 1 },
  { s: "2026-01-01", t: "2026-01-01T00:00:00Z", u: "12", v: "true" },
  { a: { b: { c: 1 } }, "a.b": { c: 2 }, "a.b.c": 3 },
  { "": 1 },
  { "": { "": 2, a: 3 } },
  JSON.parse('{"__proto__":{"x":1},"constructor":2,"toString":"y"}') as object,
  { key: 1, Key: 2, KEY: 3, "0": 4, "1e3": 5, "`": 6, "'": 7, '"': 8, "\\": 9, "%2e": 10, "%": 11 },
  { ["k".repeat(1000)]: 1 },
  { list: [] },
  { list: [1, 2.5, 3] },
  { list: ["a", ""] },
  { list: [true, false] },
  { list: [{ x: 1 }, { x: "s", y: [{ z: [1] }] }, {}] },
  { list: [1, "a", true, { b: 1 }, [1], []] },
  { list: [[1, 2], [3]] },
  { list: [[[]]] },
];

describe("properties come back as they were", () => {
  it("every shape, as typed paths", async () => {
    const withNulls = [...shapes, { list: [null] }, { list: [{}, null] }, { list: [1, null, "a", [null]] }];
    expectSame(await roundTrip(new JsonColumn("p", 256), withNulls), withNulls);
    // Asked for as text, which would not be exact: stays typed.
    expectSame(await roundTrip(new JsonColumn("p", 256, 0), withNulls), withNulls);
  });

  it("every shape, as text", async () => {
    expectSame(await roundTrip(new JsonColumn("p", 256, 0), shapes), shapes);
  });

  const seed = Math.floor(Math.random() * 2 ** 32);
  it(`random objects (seed ${seed})`, async () => {
    const random = randomFrom(seed);
    const column = new JsonColumn("p", 256);
    for (let round = 0; round < 10; round += 1) {
      const objects = Array.from({ length: 200 }, () => randomProperties(random));
      expectSame(await roundTrip(column, objects), objects);
    }
  });

  it(`random objects of several blocks, typed and text, after merging their parts (seed ${seed})`, async () => {
    const random = randomFrom(seed);
    await clickhouse.command({ query: `TRUNCATE TABLE ${objectsTable}` });
    const all: object[] = [];
    for (let block = 0; block < 6; block += 1) {
      const objects = Array.from({ length: 100 }, () => randomProperties(random));
      const exact = objects.filter((object) => !holdsNullElement(object as JsonObject));
      await insertObjects(new JsonColumn("p", 256, block % 2 === 0 ? undefined : 0), exact, all.length);
      all.push(...exact);
    }
    await clickhouse.command({ query: `OPTIMIZE TABLE ${objectsTable} FINAL` });
    expectSame(await selectObjects(), all);
  });

  it(`random objects as text (seed ${seed})`, async () => {
    const random = randomFrom(seed);
    const column = new JsonColumn("p", 256, 0);
    for (let round = 0; round < 10; round += 1) {
      const objects = Array.from({ length: 200 }, () => randomProperties(random));
      const exact = objects.filter((object) => !holdsNullElement(object as JsonObject));
      expect(exact.length).toBeGreaterThan(100);
      expectSame(await roundTrip(column, exact), exact);
    }
  });

  it.each([255, 256, 257, 500, 601, 1500])("%i different paths in one block", async (paths) => {
    const objects = Array.from({ length: paths }, (_, index) => ({ [`key_${index}`]: index, always: "x" }));
    expectSame(await roundTrip(new JsonColumn("p", 256), objects), objects);
  });

  it("the same types whether as typed paths or as text", async () => {
    const objects = [{ a: [{ b: [{ c: 1 }] }], d: [1, "x"], e: [], f: [true], g: 1.5, h: { i: "s" }, j: -1 }];
    const types = `SELECT JSONAllPathsWithTypes(p) AS types FROM ${objectsTable}`;
    await roundTrip(new JsonColumn("p", 256), objects);
    const typed = await select(types);
    await roundTrip(new JsonColumn("p", 256, 0), objects);
    expect(await select(types)).toEqual(typed);
    const nested = "Array(JSON(max_dynamic_types=16, max_dynamic_paths=64))";
    expect(typed[0]?.["types"]).toMatchObject({ a: nested, d: "Array(Dynamic)", g: "Float64", j: "Int64" });
  });
});

function randomRow(random: () => number, index: number): EventRow {
  const text = (kinds: number): string =>
    ["", "short", "ünï😀", "x".repeat(200)][Math.floor(random() * kinds)] ?? "";
  return {
    projectId: Math.floor(random() * 2 ** 32),
    event: `event ${index % 7}`,
    timestamp: Math.floor(1_780_000_000_000 + random() * 7e9),
    userNumber: Math.floor(random() * 2 ** 32),
    eventId: `id-${index}`,
    userId: text(4),
    anonymousId: text(4),
    sessionId: text(2),
    properties: JSON.stringify(randomProperties(random, 4)),
    context: JSON.stringify({ page: { title: text(4) } }),
    pageUrl: text(4),
    referrerDomain: `d${index % 300}.example`,
    utmSource: text(4),
    utmMedium: text(2),
    utmCampaign: text(4),
    browser: text(2),
    os: text(2),
    device: text(2),
    isBot: random() < 0.5,
    receivedAt: Math.floor(random() * 4e12),
    logPartition: Math.floor(random() * 2 ** 16),
    logSequence: index * 1_000_000_007,
    retentionDays: index % 3,
  };
}

describe("the table of events", () => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  it(`stores every column of random rows (seed ${seed})`, async () => {
    const random = randomFrom(seed);
    const rows = Array.from({ length: 2000 }, (_, index) => randomRow(random, index));
    // Both ends of DateTime64(3).
    Object.assign(rows[0] as EventRow, { timestamp: -2_208_988_800_000, receivedAt: -1 });
    Object.assign(rows[1] as EventRow, { timestamp: 10_413_791_999_999, receivedAt: 10_413_791_999_999 });
    const block = new EventsBlock();
    for (const row of rows) expect(block.append(row)).toBe(true);
    await insert(eventsTable, block.finish());
    const stored = await select(
      `SELECT project_id, event, toUnixTimestamp64Milli(timestamp) AS timestamp, user_number, event_id, user_id,
        anonymous_id, session_id, properties, context, page_url, referrer_domain, utm_source, utm_medium,
        utm_campaign, browser, os, device, is_bot, toUnixTimestamp64Milli(received_at) AS received_at,
        log_partition, log_sequence, retention_days FROM ${eventsTable} ORDER BY log_sequence`,
    );
    expect(stored.length).toBe(rows.length);
    for (const [index, row] of rows.entries()) {
      const { properties, isBot, ...expected } = row;
      const { properties: storedProperties, ...rest } = stored[index] as Record<string, unknown>;
      expect(rest, `row ${index}`).toEqual({ ...snakeCase(expected), is_bot: isBot ? 1 : 0 });
      expectSame([storedProperties], [JSON.parse(properties) as object]);
    }
  });

  it("takes 70,000 different values of a LowCardinality column", async () => {
    await clickhouse.command({ query: `TRUNCATE TABLE ${eventsTable}` });
    const block = new EventsBlock();
    const random = randomFrom(1);
    const template = { ...randomRow(random, 0), timestamp: 1_790_000_000_000, properties: "{}" };
    for (let index = 0; index < 70_000; index += 1) {
      block.append({ ...template, logSequence: index, referrerDomain: `domain-${index}.example` });
    }
    await insert(eventsTable, block.finish());
    const wrong = "countIf(referrer_domain != concat('domain-', toString(log_sequence), '.example'))";
    expect(await select(`SELECT count() AS rows, ${wrong} AS wrong FROM ${eventsTable}`)).toEqual([
      { rows: 70_000, wrong: 0 },
    ]);
  });
});

function snakeCase(row: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(row).map(([key, value]) => [
      key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      value,
    ]),
  );
}
