import { expect, test } from "vitest";
import { checkCostMax, costOf, countValues, PatternBudget, weigh } from "./check-cost.ts";
import { checkSchema } from "./check-schema.ts";
import { compilePlan } from "./compile-plan.ts";

const list = <T>(length: number, of: (index: number) => T): T[] =>
  Array.from({ length }, (_, index) => of(index));
const underItems = (items: object): object => ({ properties: { a: { type: "array", items } } });
const tooCostly = [expect.objectContaining({ rule: "cost" })];
/** Of one check, far above what was measured (55 ms), far below what it was without a bound (7 s). */
const checkMsMax = 500;

// What fits into an event of 32 KB, and plans that are allowed.
test.each([
  [
    "many parts for each of many values",
    underItems({ allOf: list(400, (at) => ({ minimum: 1_000 + at })) }),
    { a: list(15_000, () => 1) },
  ],
  [
    "many choices for each of many values",
    underItems({ anyOf: list(400, (at) => ({ const: 1_000 + at })) }),
    { a: list(15_000, () => 1) },
  ],
  [
    "a long list of lists without equal ones",
    { properties: { a: { uniqueItems: true } } },
    { a: list(5_000, (at) => [at]) },
  ],
  [
    "a large pattern over a long text",
    { properties: { a: { pattern: "(\\pL\\pN?){300}$" } } },
    { a: "a".repeat(30_000) },
  ],
  [
    "many patterns of names",
    {
      patternProperties: Object.fromEntries(
        list(200, (at) => [`^(a|b)*${at}$`, { type: "string" }] as const),
      ),
    },
    Object.fromEntries(list(500, (at) => [`${"ab".repeat(20)}${at}`, 1] as const)),
  ],
  [
    "a slow format, many times",
    underItems({ anyOf: list(200, () => ({ format: "url" })) }),
    { a: list(15, () => `http://${"1.".repeat(1_000)}`) },
  ],
])("%s: differs, and is not waited for", (_name, schema, properties) => {
  expect(checkSchema(schema as Record<string, unknown>)).toEqual([]);
  const check = compilePlan(JSON.stringify(schema));
  check({});
  const startedAtMs = performance.now();
  expect(check(properties)).toEqual(tooCostly);
  expect(performance.now() - startedAtMs).toBeLessThan(checkMsMax);
});

test.each([
  [
    "a list of addresses",
    { uniqueItems: true, items: { type: "string", format: "url", pattern: "^https:" } },
  ],
  [
    "a list of things",
    { items: { required: ["url"], properties: { url: { type: "string", maxLength: 90 } } } },
  ],
])("%s as large as an event may be is checked", (_name, part) => {
  const check = compilePlan(JSON.stringify({ properties: { a: { type: "array", ...part } } }));
  const address = (at: number): string => `https://shop.example.com/${"categories/".repeat(3)}${at}`;
  const isOfThings = !("uniqueItems" in part);
  const values = list(500, (at) => (isOfThings ? { url: address(at) } : address(at)));
  expect(check({ a: values })).toEqual([]);
  expect(check({ a: [...values, isOfThings ? {} : address(0)] })).toHaveLength(1);
});

test("the cost of a check ends the walk, references are followed, and only what is there is visited", () => {
  const schema = {
    properties: { a: { items: { $ref: "#/$defs/item" } }, b: { allOf: list(900, () => ({ minimum: 1 })) } },
    $defs: { item: { properties: { x: { enum: list(40, (at) => at) } } } },
  };
  const cost = (value: unknown): number => costOf(schema, weigh(schema), value);
  expect(weigh(schema).visits).toBeGreaterThan(900);
  const many = { a: list(1_000, () => ({ x: 1 })) };
  expect(cost(many)).toBeGreaterThan(5_000);
  expect(cost(many)).toBeLessThan(checkCostMax);
  expect(cost({ a: list(20_000, () => ({ x: 1 })) })).toBeGreaterThan(checkCostMax);
});

test("values are counted up to a bound", () => {
  expect(countValues(1, 10)).toBe(1);
  expect(countValues({ a: [1, { b: 2 }], c: "x" }, 10)).toBe(6);
  expect(
    countValues(
      list(1_000, () => 1),
      10,
    ),
  ).toBeGreaterThan(10);
});

test("the steps of patterns are those of one check", () => {
  const budget = new PatternBudget();
  expect(() => budget.spend(1, 1)).toThrow();
  budget.refill();
  for (let at = 0; at < 10; at += 1) budget.spend(100, 900);
  expect(() => budget.spend(1_000, 1_000)).toThrow();
});
