import { describe, expect, it } from "vitest";
import type { LogEvent } from "#schemas/events/event.ts";
import { readUserProperties, saysSomethingOfUser } from "./read-user-properties.ts";

function event(properties: object, change: Partial<LogEvent> = {}): LogEvent {
  return {
    project_id: 3,
    event: "order",
    event_id: "e",
    user_id: "ann",
    anonymous_id: "",
    session_id: "",
    timestamp: 1_000,
    received_at: 7,
    properties: JSON.stringify(properties),
    context: "{}",
    user_agent: "",
    ...change,
  };
}

interface Row {
  property: string;
  once: number;
  text: string | null;
  number: number | null;
  boolean: boolean | null;
  value: string;
  version: string;
}

function rowsOf(log: LogEvent, index = 0): Row[] {
  return readUserProperties(log, 5, index).map((line) => JSON.parse(line) as Row);
}

const shortOf = (log: LogEvent): string[] =>
  rowsOf(log).map(({ property, once, value }) => `${once === 1 ? "once " : ""}${property}=${value}`);

describe("readUserProperties", () => {
  it("keeps each kind of value as filters compare it", () => {
    const log = event({ $set: { s: "x", n: 1.5, b: true, o: { a: 1 }, l: [1], z: null } });
    expect(
      rowsOf(log).map(({ property, text, number, boolean, value }) => [
        property,
        text,
        number,
        boolean,
        value,
      ]),
    ).toEqual([
      ["s", "x", null, null, '"x"'],
      ["n", "1.5", 1.5, null, "1.5"],
      ["b", "true", null, true, "true"],
      ["o", null, null, null, '{"a":1}'],
      ["l", null, null, null, "[1]"],
      ["z", null, null, null, ""],
    ]);
    expect(rowsOf(log)[0]).toMatchObject({ project_id: 3, user_number: 5, once: 0 });
  });

  it.each<{ name: string; log: LogEvent; rows: string[] }>([
    { name: "$set_once", log: event({ $set_once: { a: 1, b: null } }), rows: ["once a=1"] },
    { name: "$unset as a list", log: event({ $unset: ["a", "", 7] }), rows: ["a="] },
    { name: "$unset as an object", log: event({ $unset: { a: "" } }), rows: ["a="] },
    {
      name: "$unset wins over $set of the same event",
      log: event({ $set: { a: 1 }, $unset: ["a"] }),
      rows: ["a="],
    },
    { name: "traits of identify", log: event({ traits: { a: 1 } }, { event: "identify" }), rows: ["a=1"] },
    {
      name: "traits of the context of $identify, and those of the properties win",
      log: event({ traits: { a: 1 } }, { event: "$identify", context: '{"traits":{"a":0,"b":2}}' }),
      rows: ["a=1", "b=2"],
    },
    { name: "traits of another event are its own", log: event({ traits: { a: 1 } }), rows: [] },
    { name: "what is no object", log: event({ $set: "a", $set_once: [1], $unset: "a" }), rows: [] },
    {
      name: "names that are too long",
      log: event({ $set: { ["x".repeat(201)]: 1, ["x".repeat(200)]: 1 } }),
      rows: [`${"x".repeat(200)}=1`],
    },
    { name: "$set deeper inside", log: event({ inner: { $set: { a: 1 } } }), rows: [] },
    { name: "properties that are not JSON", log: event({}, { properties: '{"$set":' }), rows: [] },
    {
      name: "100 at most",
      log: event({ $set: Object.fromEntries(Array.from({ length: 150 }, (_, at) => [`p${at}`, 1])) }),
      rows: Array.from({ length: 100 }, (_, at) => `p${at}=1`),
    },
  ])("$name", ({ log, rows }) => {
    expect(shortOf(log)).toEqual(rows);
    if (rows.length > 0) expect(saysSomethingOfUser(log)).toBe(true);
  });

  it("the latest $set and the earliest $set_once have the highest version, before 1970 too", () => {
    const versions = (once: boolean): bigint[] =>
      [
        { timestamp: -2_000_000_000_000, index: 5 },
        { timestamp: 0, index: 3 },
        { timestamp: 0, index: 4 },
        { timestamp: 10_000_000_000_000, index: 0 },
      ].map(({ timestamp, index }) => {
        const log = event({ [once ? "$set_once" : "$set"]: { a: 1 } }, { timestamp });
        return BigInt(rowsOf(log, index)[0]?.version ?? -1);
      });
    const ascending = (values: bigint[]): boolean =>
      values.every((value, at) => value >= 0n && (at === 0 || value > (values[at - 1] as bigint)));
    expect(ascending(versions(false))).toBe(true);
    expect(ascending(versions(true).reverse())).toBe(true);
  });

  it("an ordinary event says nothing", () => {
    expect(saysSomethingOfUser(event({ amount: 1, traits: {} }))).toBe(false);
  });
});
