// The catalogue over real servers: names, properties and values, in pages, whatever they are called.
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { EventName, PropertyEntry } from "#schemas/query/catalogue.ts";
import type { Meta } from "#schemas/query/meta.ts";
import { nobodyJoined } from "../people/people.ts";
import { Parameters } from "../sql/parameters.ts";
import { ReadOnlySettings } from "../store/read-only.ts";
import { QueryRun } from "../store/query-run.ts";
import { createQueryMetrics } from "../metrics.ts";
import { Registry } from "prom-client";
import { storeTime } from "../testing/test-database.ts";
import { base, errorOf, projectId, rows, startTestTier, type TestTier } from "../testing/test-tier.ts";
import { planRows, rowsSql, weightSql } from "./newest-rows.ts";

let tier: TestTier;
/** A project whose names are hostile. */
const hostileProject = 77;
const hostileNames = [
  "` OR 1=1 --",
  "'; DROP TABLE events; --",
  "{project_id:UInt32}",
  "a\\'b\n\t",
  "%_%",
  "x\0y",
  "ÄÖ ümlaut 🦊",
];
const range = { from: "2026-11-01", to: "2026-11-30" };
const minute = 60_000;

type Names = { events: EventName[]; next: string | null; meta: Meta };
type Properties = { properties: PropertyEntry[]; next: string | null; meta: Meta };
type Values = { values: { value: string; count: number }[]; next: string | null; meta: Meta };

const names = (given: object, project?: number): Promise<Names> =>
  tier.call("event_names", given, project) as Promise<Names>;
const properties = (given: object, project?: number): Promise<Properties> =>
  tier.call("properties", given, project) as Promise<Properties>;
const values = (given: object, project?: number): Promise<Values> =>
  tier.call("property_values", given, project) as Promise<Values>;

beforeAll(async () => {
  tier = await startTestTier(inject("servers").postgresUrl);
  await tier.database.insertEvents(
    hostileNames.flatMap((name, index) =>
      Array.from({ length: index + 1 }, (_, repeat) => ({
        project_id: hostileProject,
        event: name,
        timestamp: storeTime(base + repeat * minute),
        user_number: repeat,
        event_id: randomUUID(),
        user_id: `u${repeat}`,
        properties: {
          [name]: name,
          nested: { deep: repeat },
          flag: repeat % 2 === 0,
          mixed: repeat === 0 ? "x" : 1,
        },
        browser: repeat === 0 ? "Firefox" : "",
        received_at: storeTime(base),
      })),
    ),
  );
  const user = (property: string, number: number, value: unknown, version = 1, once = 0): object => ({
    project_id: projectId,
    property,
    user_number: number,
    once,
    text: typeof value === "object" || value === undefined ? null : String(value),
    number: typeof value === "number" ? value : null,
    boolean: typeof value === "boolean" ? value : null,
    value: value === undefined ? "" : JSON.stringify(value),
    version,
  });
  await tier.database.clickhouse.insert({
    table: "user_properties",
    values: [
      user("plan", 1, "free"),
      user("plan", 1, "pro", 2),
      user("plan", 2, "pro"),
      user("plan", 3, "free"),
      user("plan", 4, "free"),
      // Removed.
      user("plan", 4, undefined, 2),
      user("plan", 5, "team", 1, 1),
      user("age", 1, 44),
      user("tags", 1, ["a"]),
      user("address", 2, { city: "Utrecht" }),
    ],
    format: "JSONEachRow",
    clickhouse_settings: { async_insert: 0 },
  });
});

afterAll(() => tier.stop());

describe("names of events", () => {
  it("have counts, persons, first and last seen, most frequent first", async () => {
    const { events, next, meta } = await names(range);
    expect(events).toEqual([
      {
        name: 'page "view"\n',
        count: (rows / 3) * 2,
        users: 10,
        first_seen: new Date(base + minute).toISOString(),
        last_seen: new Date(base + (rows - 1) * minute).toISOString(),
      },
      {
        name: "order",
        count: rows / 3,
        users: 10,
        first_seen: new Date(base).toISOString(),
        last_seen: new Date(base + (rows - 3) * minute).toISOString(),
      },
    ]);
    expect(next).toBeNull();
    expect(meta).toMatchObject({ exact: true, source: "rollup_day+rollup_minute" });
  });

  it("are those of the range, to the millisecond of its edges", async () => {
    // From the 61st minute to the 200th: orders are every third.
    const { events } = await names({ from: String(base + 61 * minute), to: String(base + 200 * minute) });
    expect(events.map(({ name, count }) => [name, count])).toEqual([
      ['page "view"\n', 94],
      ["order", 46],
    ]);
    expect(events[1]).toMatchObject({
      first_seen: new Date(base + 63 * minute).toISOString(),
      last_seen: new Date(base + 198 * minute).toISOString(),
    });
    expect((await names({ from: "2020-01-01", to: "2020-02-01" })).events).toEqual([]);
  });

  it("are found by a part of them, in pages", async () => {
    expect((await names({ ...range, search: "ORD" })).events.map(({ name }) => name)).toEqual(["order"]);
    const found: string[] = [];
    let cursor: string | null | undefined;
    do {
      const page: Names = await names(
        { ...range, limit: "3", ...(typeof cursor === "string" ? { cursor } : {}) },
        hostileProject,
      );
      expect(page.events.length).toBeLessThanOrEqual(3);
      found.push(...page.events.map(({ name }) => name));
      cursor = page.next;
    } while (cursor !== null);
    expect(found).toEqual(hostileNames.toReversed());
  });

  it("count a person with two ids once", async () => {
    const joinedProject = 78;
    const event = (number: number): object => ({
      project_id: joinedProject,
      event: "seen",
      timestamp: storeTime(base + 30 * minute),
      user_number: number,
      event_id: randomUUID(),
      user_id: `u${number}`,
      received_at: storeTime(base),
    });
    await tier.database.insertEvents([event(1), event(2), event(3)]);
    await tier.postgres.query("INSERT INTO user_persons VALUES ($1, 2, 1)", [joinedProject]);
    await tier.database.clickhouse.command({
      query: `INSERT INTO persons VALUES (${joinedProject}, 2, 1, 1)`,
    });
    // From a rollup, and from rows.
    for (const to of ["2026-11-01", "2026-11-01T00:45:00Z"]) {
      expect((await names({ ...range, to }, joinedProject)).events).toMatchObject([{ count: 3, users: 2 }]);
    }
  });
});

describe("properties", () => {
  it("of events have types, counts and examples", async () => {
    const { properties: found, meta } = await properties({ ...range, on: "event" });
    const byName = new Map(found.map((entry) => [entry.name, entry]));
    expect(byName.get("amount")).toMatchObject({ on: "event", types: ["number"], count: rows });
    expect(byName.get("a.b")).toEqual({
      name: "a.b",
      on: "event",
      types: ["string"],
      count: rows,
      examples: ["dotted"],
    });
    expect(byName.get("list")).toMatchObject({ types: ["list"], count: rows });
    expect(byName.get("text")?.examples).toEqual(['q"uote\n']);
    expect(typeof byName.get("amount")?.examples[0]).toBe("number");
    expect(byName.get("$event")).toMatchObject({
      count: rows,
      built_in: true,
      examples: ['page "view"\n', "order"],
    });
    expect(byName.get("$utm_source")).toMatchObject({ count: 0, examples: [] });
    expect(meta.exact).toBe(true);
  });

  it("of one event are only that event's", async () => {
    const { properties: found } = await properties(
      { ...range, on: "event", event: hostileNames[2] },
      hostileProject,
    );
    const own = found.filter(({ built_in }) => built_in !== true);
    expect(own.map(({ name, types, count }) => [name, types, count])).toEqual([
      ["flag", ["boolean"], 3],
      ["mixed", ["number", "string"], 3],
      ["nested.deep", ["number"], 3],
      [hostileNames[2], ["string"], 3],
    ]);
    expect(own[0]?.examples).toEqual([true, false]);
    expect(found.find(({ name }) => name === "$browser")).toMatchObject({ count: 1, examples: ["Firefox"] });
  });

  it("of users are what persons have now, of all types", async () => {
    const { properties: found } = await properties({ on: "user" });
    expect(found).toEqual([
      { name: "plan", on: "user", types: ["string"], count: 4, examples: expect.anything() as string[] },
      { name: "address", on: "user", types: ["object"], count: 1, examples: ['{"city":"Utrecht"}'] },
      { name: "age", on: "user", types: ["number"], count: 1, examples: [44] },
      { name: "tags", on: "user", types: ["list"], count: 1, examples: ['["a"]'] },
    ]);
    expect(found[0]?.examples.toSorted()).toEqual(["free", "pro", "team"]);
  });

  it("of both kinds come together, searched and in pages", async () => {
    const all = (await properties(range)).properties;
    expect(new Set(all.map(({ on }) => on))).toEqual(new Set(["event", "user"]));
    const paged: PropertyEntry[] = [];
    let cursor: string | null | undefined;
    do {
      const page: Properties = await properties({
        ...range,
        limit: "4",
        ...(typeof cursor === "string" ? { cursor } : {}),
      });
      paged.push(...page.properties);
      cursor = page.next;
    } while (cursor !== null);
    expect(paged).toEqual(all);
    const searched = (await properties({ ...range, search: "A" })).properties.map(({ name }) => name);
    expect(searched).toEqual(expect.arrayContaining(["amount", "a.b", "plan", "tags", "$page_url"]));
    expect(searched).not.toContain("list");
  });

  it("with hostile names are named, and read as values", async () => {
    for (const [index, name] of hostileNames.entries()) {
      const { properties: found } = await properties({ ...range, search: name, on: "event" }, hostileProject);
      expect(found, name).toEqual([
        { name, on: "event", types: ["string"], count: index + 1, examples: [name] },
      ]);
      const answer = await values({ ...range, property: name, search: name }, hostileProject);
      expect(answer.values, name).toEqual([{ value: name, count: index + 1 }]);
    }
  });
});

describe("values of a property", () => {
  it("are the most frequent first, searched by any part or by their beginning", async () => {
    const all = await values({ ...range, property: "$event" }, hostileProject);
    expect(all.values.map(({ value }) => value)).toEqual(hostileNames.toReversed());
    const found = await values({ ...range, property: "$event", search: "ÜM" }, hostileProject);
    expect(found.values.map(({ value }) => value)).toEqual(["ÄÖ ümlaut 🦊"]);
    const prefix = await values(
      { ...range, property: "$event", search: "äö", match: "prefix" },
      hostileProject,
    );
    expect(prefix.values).toEqual(found.values);
    const none = await values(
      { ...range, property: "$event", search: "üm", match: "prefix" },
      hostileProject,
    );
    expect(none.values).toEqual([]);
  });

  it("come in pages", async () => {
    const paged: string[] = [];
    let cursor: string | null | undefined;
    do {
      const page: Values = await values({
        ...range,
        property: "amount",
        limit: "1000",
        ...(typeof cursor === "string" ? { cursor } : {}),
      });
      paged.push(...page.values.map(({ value }) => value));
      cursor = page.next;
    } while (cursor !== null);
    expect(paged.length).toBe(rows);
    expect(new Set(paged).size).toBe(rows);
  });

  it("of users are those that persons have now", async () => {
    const answer = await values({ property: "plan", on: "user" });
    expect(answer.values).toEqual([
      { value: "pro", count: 2 },
      { value: "free", count: 1 },
      { value: "team", count: 1 },
    ]);
    expect((await values({ property: "plan", on: "user", search: "R" })).values).toHaveLength(2);
  });
});

it("keeps projects apart", async () => {
  const nobody = 99;
  expect((await names(range, nobody)).events).toEqual([]);
  expect((await properties(range, nobody)).properties.every(({ count }) => count === 0)).toBe(true);
  expect((await values({ ...range, property: "amount" }, nobody)).values).toEqual([]);
});

it("refuses what it cannot read with the parameter's name", async () => {
  const error = await errorOf(names({ limit: "many" }));
  expect([error.code, error.details]).toMatchObject(["INVALID_PARAMETER", [{ path: "limit" }]]);
});

it("looks at the newest events of each name when there are too many, and weighs them", async () => {
  const run = new QueryRun({
    store: {
      clickhouse: tier.database.clickhouse,
      readOnly: new ReadOnlySettings(tier.database.clickhouse),
      metrics: createQueryMetrics(new Registry()),
    },
    projectId,
    signal: new AbortController().signal,
    people: nobodyJoined,
  });
  const endMs = base + rows * minute;
  const plan = await planRows(run, { fromMs: base, endMs, event: undefined }, 1000);
  expect(plan.newest?.map(({ event }) => event)).toEqual(['page "view"\n', "order"]);
  const parameters = new Parameters();
  const [row] = await run.rows(
    { step: "test", sources: [] },
    {
      sql: `SELECT count(), round(sum(${weightSql(plan, parameters)})), uniqExact(event), toUnixTimestamp64Milli(max(timestamp)) ${rowsSql(plan, parameters)}`,
      parameters: parameters.values,
    },
  );
  // 500 of each, and at most an hour more; together they stand for all.
  expect(row?.[0]).toBeGreaterThanOrEqual(1000);
  expect(row?.[0]).toBeLessThanOrEqual(1000 + 60);
  expect(row?.slice(1)).toEqual([rows, 2, endMs - minute]);
});
