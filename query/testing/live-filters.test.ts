// Filters of the live feed mean what filters of queries mean: the same random events and filters, decided by the
// feed's own functions and by the reference that the queries are tested against.
import { expect, test } from "vitest";
import { compileLiveFilter, type LiveEventView } from "#schemas/live/match-event.ts";
import { filterOperators, type Filter, type PropertyFilter } from "#schemas/query/filter.ts";
import { matches, type ReferenceEvent } from "./naive-reference.ts";
import { RandomSource } from "./random-source.ts";

const values: readonly unknown[] = [
  ...["", "NL", "nl", "12", "1e3", "true", "Ünïcode", "z", "a.b", " 7 "],
  ...[0, -1, 12, 0.5, 1e21, true, false, null],
  ...[{}, { deep: 1 }, { deep: { er: "x" } }],
];
const names = [
  "a",
  "b",
  "deep.er",
  "a.deep",
  "a.deep.er",
  "x.y",
  "$event",
  "$browser",
  "toString",
  "__proto__",
];

function viewOf(event: ReferenceEvent): LiveEventView {
  return {
    event: event.event,
    userId: "u",
    anonymousId: "",
    properties: () => event.properties,
    builtIn: (name) => (name === "$event" ? event.event : name === "$browser" ? event.browser : undefined),
  };
}

function randomEvent(random: RandomSource): ReferenceEvent {
  const properties: Record<string, unknown> = {};
  for (const name of ["a", "b", "deep", "x.y"])
    if (random.chance(0.6)) properties[name] = random.pick(values);
  return {
    event: random.pick(["e", "f"]),
    user: 1,
    timestampMs: 0,
    properties,
    browser: random.pick(["", "Firefox"]),
  };
}

function randomFilter(random: RandomSource, depth: number): Filter {
  if (depth > 0 && random.chance(0.2)) {
    return { or: random.times(1 + random.below(3), () => randomFilter(random, depth - 1)) };
  }
  const operator = random.pick(filterOperators);
  const scalar = (): string | number | boolean =>
    random.pick(
      values.filter((value) => typeof value !== "object" || value === null).map((value) => value ?? "x"),
    ) as string | number | boolean;
  const isList = operator === "in" || operator === "not_in";
  const isOrder = ["gt", "gte", "lt", "lte"].includes(operator);
  const one = scalar();
  const value: PropertyFilter["value"] = isList
    ? random.times(random.below(4), scalar)
    : isOrder && typeof one === "boolean"
      ? 3
      : one;
  return { property: random.pick(names), operator, value };
}

/** What the reference does not say: built-in properties are text, and the empty object counts as missing. */
function isBeyondReference(event: ReferenceEvent, filter: Filter): boolean {
  if ("or" in filter) return filter.or.some((inner) => isBeyondReference(event, inner));
  if ("cohort" in filter) return true;
  const isObject = Object.values(event.properties).some(
    (value) => typeof value === "object" && value !== null,
  );
  const comparesBuiltIn =
    filter.property.startsWith("$") && ["gt", "gte", "lt", "lte"].includes(filter.operator);
  return (
    comparesBuiltIn ||
    filter.property === "toString" ||
    filter.property === "__proto__" ||
    (isObject && (filter.operator === "is_set" || filter.operator === "is_not_set"))
  );
}

test("random filters over random events", () => {
  const seed = Date.now() & 0x7fffffff;
  const random = new RandomSource(seed);
  let matched = 0;
  let compared = 0;
  for (let round = 0; round < 20_000; round += 1) {
    const event = randomEvent(random);
    const filters = random.times(1 + random.below(2), () => randomFilter(random, 2));
    const decided = compileLiveFilter({ events: [], user: "", filters })(viewOf(event));
    if (filters.some((filter) => isBeyondReference(event, filter))) continue;
    compared += 1;
    if (decided) matched += 1;
    expect(decided, `seed ${seed}: ${JSON.stringify({ event, filters })}`).toBe(matches(event, filters));
  }
  expect(compared).toBeGreaterThan(5_000);
  expect(matched).toBeGreaterThan(compared / 10);
});

test.each([
  {
    name: "names of every object are no properties",
    filter: { property: "toString", operator: "is_set" },
    expected: false,
  },
  { name: "the empty object is missing", filter: { property: "empty", operator: "is_set" }, expected: false },
  { name: "an object is there", filter: { property: "full", operator: "is_set" }, expected: true },
  { name: "a list is there", filter: { property: "list", operator: "is_set" }, expected: true },
  {
    name: "an object has no text",
    filter: { property: "full", operator: "contains", value: "object" },
    expected: false,
  },
] as const)("$name", ({ expected, filter }) => {
  const properties = { empty: {}, full: { a: 1 }, list: [] };
  const event = { event: "e", user: 1, timestampMs: 0, properties, browser: "" };
  expect(compileLiveFilter({ events: [], user: "", filters: [filter] })(viewOf(event))).toBe(expected);
});

test("events and users", () => {
  const view = {
    ...viewOf({ event: "e", user: 1, timestampMs: 0, properties: {}, browser: "" }),
    anonymousId: "a",
  };
  const decide = (events: string[], user: string): boolean =>
    compileLiveFilter({ events, user, filters: [] })(view);
  expect([decide([], ""), decide(["x", "e"], "u"), decide([], "a")]).toEqual([true, true, true]);
  expect([decide(["x"], ""), decide([], "v"), decide(["e"], "v")]).toEqual([false, false, false]);
});
