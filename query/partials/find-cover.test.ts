// Which registered selector answers what is wanted, and what is left to check of its filters.
import { expect, it } from "vitest";
import type { SelectorDefinition } from "#schemas/selectors/selector.ts";
import { findCover, type Wanted } from "./find-cover.ts";

const nl = { property: "country", operator: "eq", value: "NL" } as const;
const big = { property: "amount", operator: "gt", value: 3 } as const;
const dimension: SelectorDefinition = { event: null, filters: [], breakdown: "country" };
const wanted: Wanted = { event: "order", filters: [nl], users: true };

const cases: {
  name: string;
  registered: SelectorDefinition[];
  wanted: Wanted;
  /** Place of the selector that answers, and what is left of the filters; undefined: none does. */
  expected: { at: number; rest: readonly unknown[] } | undefined;
}[] = [
  { name: "nothing registered", registered: [], wanted, expected: undefined },
  {
    name: "the same conditions in another order",
    registered: [{ event: "order", filters: [big, nl] }],
    wanted: { ...wanted, filters: [nl, big] },
    expected: { at: 0, rest: [] },
  },
  {
    name: "a dimension filters by the text of its values",
    registered: [dimension],
    wanted,
    expected: { at: 0, rest: [nl] },
  },
  {
    name: "the one that keeps least is read",
    registered: [dimension, { event: "order", filters: [nl] }, { event: null, filters: [nl] }],
    wanted,
    expected: { at: 1, rest: [] },
  },
  {
    name: "conditions that a selector has and the query has not",
    registered: [{ event: "order", filters: [nl, big] }],
    wanted,
    expected: undefined,
  },
  {
    name: "conditions on another property than the values'",
    registered: [dimension],
    wanted: { ...wanted, filters: [nl, big] },
    expected: undefined,
  },
  {
    name: "another event",
    registered: [{ event: "signup", filters: [nl] }],
    wanted,
    expected: undefined,
  },
  {
    name: "one event's selector does not answer for any event",
    registered: [{ event: "order", filters: [nl] }],
    wanted: { ...wanted, event: null },
    expected: undefined,
  },
  {
    name: "another breakdown",
    registered: [dimension],
    wanted: { ...wanted, breakdown: "plan" },
    expected: undefined,
  },
  {
    name: "numbers have no sets of users",
    registered: [{ ...dimension, number: "amount" }],
    wanted,
    expected: undefined,
  },
  {
    name: "numbers have counts",
    registered: [{ ...dimension, number: "amount" }],
    wanted: { ...wanted, users: false },
    expected: { at: 0, rest: [nl] },
  },
  {
    name: "another number",
    registered: [{ ...dimension, number: "amount" }],
    wanted: { ...wanted, users: false, number: "price" },
    expected: undefined,
  },
  ...(
    [
      [{ property: "country", operator: "eq", value: 12 }, false],
      [{ property: "country", operator: "in", value: ["NL", true] }, false],
      [{ property: "country", operator: "in", value: ["NL", "12"] }, true],
      [{ property: "country", operator: "gt", value: "12" }, false],
      [{ property: "country", operator: "gt", value: "M" }, true],
      [{ property: "country", operator: "contains", value: 1 }, true],
      [{ property: "country", operator: "is_set" }, false],
      [{ or: [nl, { property: "country", operator: "starts_with", value: "D" }] }, true],
      [{ or: [nl, big] }, false],
      [{ property: "country", operator: "eq", value: "NL", on: "user" }, false],
    ] as [Wanted["filters"][number], boolean][]
  ).map(([filter, answered]) => ({
    name: `${answered ? "text decides" : "more than text decides"}: ${JSON.stringify(filter)}`,
    registered: [dimension],
    wanted: { ...wanted, filters: [filter] },
    expected: answered ? { at: 0, rest: [filter] } : undefined,
  })),
];

it.each(cases)("$name", ({ registered, wanted: each, expected }) => {
  const found = findCover(
    each,
    registered.map((definition, id) => ({ id, definition })),
  );
  expect(found && { at: found.selectorId, rest: found.rest }).toEqual(expected);
});
