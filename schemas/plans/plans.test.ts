import { expect, test } from "vitest";
import { checkSchema } from "./check-schema.ts";
import { findBreak } from "./compatibility.ts";
import { compilePlan, describeViolations, plannedPart } from "./compile-plan.ts";
import { planLimits } from "./plan.ts";
import { toAvro } from "./to-avro.ts";

const order = {
  type: "object",
  required: ["price", "currency"],
  properties: {
    price: { type: "number", minimum: 0 },
    currency: { enum: ["EUR", "USD"] },
    items: { type: "array", items: { $ref: "#/$defs/item" } },
    "e-mail": { type: "string", pattern: "^[^@]+@[^@]+$" },
  },
  $defs: { item: { type: "object", required: ["sku"], properties: { sku: { type: "string" } } } },
  additionalProperties: false,
};
const check = compilePlan(JSON.stringify(order));
const brokenBy = (properties: object): string[] =>
  check(properties).map(({ path, rule }) => `${path} ${rule}`);

test("what is as planned passes", () => {
  expect(brokenBy({ price: 1, currency: "EUR", items: [{ sku: "a", more: 1 }], "e-mail": "a@b" })).toEqual(
    [],
  );
});

test.each([
  [{ currency: "EUR" }, ["properties.price required"]],
  [{ price: "1", currency: "EUR" }, ["properties.price type"]],
  [{ price: -1, currency: "GBP" }, ["properties.price minimum", "properties.currency enum"]],
  [
    { price: 1, currency: "EUR", items: [{}, { sku: 1 }] },
    ["properties.items[0].sku required", "properties.items[1].sku type"],
  ],
  [{ price: 1, currency: "EUR", "e-mail": "nobody" }, ["properties.e-mail pattern"]],
  [{ price: 1, currency: "EUR", colour: "red" }, ["properties.colour additionalProperties"]],
] as const)("%j breaks %j", (properties, broken) => {
  expect(brokenBy(properties)).toEqual(broken);
});

test("all that is wrong is said in one sentence, up to a bound", () => {
  expect(describeViolations(check({ currency: "EUR" }))).toBe("`properties.price` is required");
  const many = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`p${index}`, 1]));
  expect(check({ price: 1, currency: "EUR", ...many })).toHaveLength(planLimits.violationsMax);
});

test("what an event says about its user is no part of its plan", () => {
  expect(plannedPart({ price: 1, $set: { a: 1 }, traits: {}, $set_once: {}, $unset: [] })).toEqual({
    price: 1,
  });
});

test("a pattern that would keep a backtracking engine busy for years takes no time", () => {
  const slow = compilePlan(JSON.stringify({ properties: { a: { type: "string", pattern: "^(a+)+$" } } }));
  expect(slow({ a: `${"a".repeat(30_000)}!` })).toHaveLength(1);
  expect(slow({ a: "a".repeat(30_000) })).toEqual([]);
});

test.each([
  ["a list", { type: "array" }, "schema.type"],
  [
    "a reference to elsewhere",
    { properties: { a: { $ref: "http://example.com/x" } } },
    "schema.properties.a.$ref",
  ],
  ["a reference to nothing", { properties: { a: { $ref: "#/$defs/x" } } }, "schema.properties.a.$ref"],
  [
    "one that refers to itself",
    { $defs: { a: { items: { $ref: "#/$defs/a" } } }, properties: { a: { $ref: "#/$defs/a" } } },
    "schema.$defs.a.items.$ref.items.$ref",
  ],
  ["a look-ahead", { properties: { a: { pattern: "(?=a)" } } }, "schema.properties.a.pattern"],
  ["a long pattern", { properties: { a: { pattern: "a".repeat(300) } } }, "schema.properties.a.pattern"],
  ["a pattern of names", { patternProperties: { "(?!a)": {} } }, "schema.patternProperties"],
  ["a dynamic reference", { $dynamicRef: "#a" }, "schema.$dynamicRef"],
])("%s is no plan", (_name, schema, path) => {
  expect(checkSchema(schema)[0]?.path).toBe(path);
});

test("a schema that grows tenfold with each of its references is refused, not followed", () => {
  const $defs: Record<string, object> = { d0: { type: "string" } };
  for (let level = 1; level <= 4; level += 1) {
    $defs[`d${level}`] = { allOf: Array.from({ length: 10 }, () => ({ $ref: `#/$defs/d${level - 1}` })) };
  }
  expect(checkSchema({ properties: { a: { $ref: "#/$defs/d4" } }, $defs })[0]?.message).toContain("parts");
});

test("names of properties may be those of keywords", () => {
  const schema = {
    properties: { $ref: { type: "string" }, pattern: { type: "string" }, properties: { type: "object" } },
  };
  expect(checkSchema(schema)).toEqual([]);
});

test("as Avro: required is plain, the rest may be null, names are Avro's", () => {
  expect(toAvro("order placed", order)).toEqual({
    type: "record",
    name: "order_placed",
    fields: [
      { name: "price", type: "double" },
      { name: "currency", type: { type: "enum", name: "order_placed_currency", symbols: ["EUR", "USD"] } },
      {
        name: "items",
        type: [
          "null",
          {
            type: "array",
            items: {
              type: "record",
              name: "order_placed_items_item",
              fields: [{ name: "sku", type: "string" }],
            },
          },
        ],
        default: null,
      },
      { name: "e_mail", type: ["null", "string"], default: null, property: "e-mail" },
    ],
  });
});

const avroOf = (properties: object, required: string[] = []): object => toAvro("e", { properties, required });
const text = { type: "string" };

test.each([
  ["an optional property more", { a: text }, [], { a: text, b: text }, [], true, true],
  ["a required property more", { a: text }, [], { a: text, b: text }, ["b"], false, true],
  ["a required property less", { a: text, b: text }, ["b"], { a: text }, [], true, false],
  ["another type", { a: text }, [], { a: { type: "integer" } }, [], false, false],
  ["a wider number", { a: { type: "integer" } }, ["a"], { a: { type: "number" } }, ["a"], true, false],
  ["optional that was required", { a: text }, ["a"], { a: text }, [], true, false],
  ["a value more", { a: { enum: ["x"] } }, ["a"], { a: { enum: ["x", "y"] } }, ["a"], true, false],
  ["another title", { a: text }, [], { a: { ...text, title: "A" } }, [], true, true],
] as const)("%s", (_name, before, requiredBefore, after, requiredAfter, backward, forward) => {
  const [one, other] = [avroOf(before, [...requiredBefore]), avroOf(after, [...requiredAfter])];
  expect(findBreak(one, other, "backward") === undefined).toBe(backward);
  expect(findBreak(one, other, "forward") === undefined).toBe(forward);
  expect(findBreak(one, other, "full") === undefined).toBe(backward && forward);
  expect(findBreak(one, other, "none")).toBeUndefined();
});
