// Which parts of saved queries are worth keeping, and what makes two of them the same.
import { describe, expect, it } from "vitest";
import { hashSelector, type SelectorDefinition } from "./selector.ts";
import { selectorsOf, type QueryKindName } from "./selectors-of.ts";

const nl = { property: "country", operator: "eq", value: "NL" } as const;
const pro = { property: "plan", operator: "eq", value: "pro", on: "user" } as const;

const cases: { name: string; kind: QueryKindName; query: object; expected: SelectorDefinition[] }[] = [
  {
    name: "counts by event are rollups' already",
    kind: "trends",
    query: { series: [{ event: "order" }, { event: null, math: "unique_users" }] },
    expected: [],
  },
  {
    name: "sessions are not kept by day",
    kind: "trends",
    query: {
      filters: [nl],
      series: [
        { event: "$session_start" },
        { event: "$session_end", math: "sum", property: "$session_events" },
      ],
    },
    expected: [],
  },
  {
    name: "filters of the query and of the series",
    kind: "trends",
    query: {
      filters: [nl],
      series: [{ event: "order", filters: [{ property: "amount", operator: "gt", value: 3 }] }],
    },
    expected: [{ event: "order", filters: [nl, { property: "amount", operator: "gt", value: 3 }] }],
  },
  {
    name: "a breakdown and a number",
    kind: "trends",
    query: {
      series: [{ event: "order", math: "sum", property: "amount" }],
      breakdown: { property: "country" },
    },
    expected: [{ event: "order", filters: [], breakdown: "country", number: "amount" }],
  },
  {
    name: "series that differ in what is added up share one",
    kind: "trends",
    query: {
      series: [
        { event: "order", math: "sum", property: "amount" },
        { event: "order", math: "avg", property: "amount" },
      ],
    },
    expected: [{ event: "order", filters: [], number: "amount" }],
  },
  {
    name: "quantiles need every value",
    kind: "trends",
    query: { series: [{ event: "order", math: "p95", property: "amount" }] },
    expected: [],
  },
  {
    name: "cohorts cut sets of users",
    kind: "trends",
    query: { filters: [nl, { cohort: "c1" }], series: [{ event: "order", math: "unique_users" }] },
    expected: [{ event: "order", filters: [nl] }],
  },
  {
    name: "cohorts cut no counts",
    kind: "trends",
    query: { filters: [nl, { cohort: "c1" }], series: [{ event: "order" }] },
    expected: [],
  },
  {
    name: "properties of people cut sets of users",
    kind: "trends",
    query: { filters: [nl, pro], series: [{ event: "order", math: "unique_users" }] },
    expected: [{ event: "order", filters: [nl] }],
  },
  {
    name: "an alternative of events or cohorts is neither",
    kind: "trends",
    query: { filters: [{ or: [nl, { cohort: "c1" }] }], series: [{ event: "order", math: "unique_users" }] },
    expected: [],
  },
  {
    name: "a breakdown by people",
    kind: "trends",
    query: { series: [{ event: "order" }], breakdown: { property: "plan", on: "user" } },
    expected: [],
  },
  {
    name: "both events of retention",
    kind: "retention",
    query: { filters: [nl], target: { event: "signup" }, returning: { event: "order" } },
    expected: [
      { event: "signup", filters: [nl] },
      { event: "order", filters: [nl] },
    ],
  },
  {
    name: "returns that are counted need every event",
    kind: "retention",
    query: {
      filters: [nl],
      target: { event: "signup" },
      returning: { event: "order" },
      min_occurrences: 2,
    },
    expected: [{ event: "signup", filters: [nl] }],
  },
  {
    name: "stickiness by its event",
    kind: "stickiness",
    query: { event: "order", filters: [nl] },
    expected: [{ event: "order", filters: [nl] }],
  },
  {
    name: "lifecycle of any event",
    kind: "lifecycle",
    query: { filters: [nl] },
    expected: [{ event: null, filters: [nl] }],
  },
  {
    name: "funnels need every event",
    kind: "funnel",
    query: { steps: [{ event: "a", filters: [nl] }] },
    expected: [],
  },
];

describe("selectors of queries", () => {
  it.each(cases)("$name", ({ kind, query, expected }) => {
    expect(selectorsOf(kind, query)).toEqual(expected);
  });
});

describe("the name of a selector", () => {
  const named = (filters: SelectorDefinition["filters"]): string => hashSelector({ event: "order", filters });
  const amount = { property: "amount", operator: "in", value: [1, "2"] } as const;
  const list = (value: (string | number)[]): SelectorDefinition["filters"][number] => ({
    property: "amount",
    operator: "in",
    value,
  });

  it("does not depend on the order of conditions, nor on what is said without meaning", () => {
    expect(named([nl, list([1, "2"])])).toBe(named([list(["2", 1]), { ...nl, on: "event" }]));
    expect(named([{ property: "a", operator: "is_set", value: "" }])).toBe(
      named([{ property: "a", operator: "is_set" }]),
    );
  });

  it("depends on everything that changes what is kept", () => {
    const names = [
      named([]),
      named([nl]),
      named([{ ...nl, value: "nl" }]),
      named([{ ...nl, operator: "neq" }]),
      named([list([1])]),
      named([list(["1"])]),
      named([{ or: [nl, amount as never] }]),
      hashSelector({ event: null, filters: [] }),
      hashSelector({ event: "order", filters: [], breakdown: "country" }),
      hashSelector({ event: "order", filters: [], number: "country" }),
    ];
    expect(new Set(names).size).toBe(names.length);
  });
});
