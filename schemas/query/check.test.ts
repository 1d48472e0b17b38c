import { describe, expect, it } from "vitest";
import { MillraceError } from "../errors.ts";
import { compileCheck } from "./check.ts";
import { TrendsQuery } from "./trends.ts";

const check = compileCheck(TrendsQuery);

function problemsOf(query: unknown): unknown[] {
  try {
    check(query);
  } catch (error) {
    if (error instanceof MillraceError && error.code === "INVALID_QUERY") return [...error.details];
    throw error;
  }
  return [];
}

function nest(depth: number): unknown {
  let filter: unknown = { property: "a", operator: "eq", value: 1 };
  for (let level = 0; level < depth; level += 1) filter = { or: [filter] };
  return filter;
}

describe("compileCheck", () => {
  it("takes a whole query", () => {
    expect(
      problemsOf({
        from: "2026-11-01",
        to: 1795348509815,
        timezone: "Europe/Amsterdam",
        series: [{ event: null, math: "p99", property: "a.b", filters: [nest(2)], label: "A" }],
        formula: "A / 2",
        interval: "week",
        week_start: "sunday",
        breakdown: { property: "country", on: "event", limit: 5 },
        compare: true,
        filters: [{ cohort: "c1", negate: true }],
      }),
    ).toEqual([]);
  });

  const cases: { name: string; query: unknown; expected: object[] }[] = [
    { name: "not an object", query: 3, expected: [{ path: "", message: "expected object" }] },
    { name: "no series", query: {}, expected: [{ path: "series", message: "is required" }] },
    {
      name: "unknown field",
      query: { series: [{ event: "a" }], seires: 1 },
      expected: [{ path: "seires", message: "is not a known field" }],
    },
    {
      name: "unknown math",
      query: { series: [{ event: "a", math: "mode" }] },
      expected: [
        {
          path: "series[0].math",
          message:
            "must be one of total, unique_users, per_user, sum, avg, min, max, median, p75, p90, p95, p99",
        },
      ],
    },
    {
      name: "unknown operator deep inside",
      query: { series: [{ event: "a", filters: [{ or: [{ property: "x", operator: "like", value: 1 }] }] }] },
      expected: [{ path: "series[0].filters[0].or[0].operator" }],
    },
    {
      name: "unknown field of a filter",
      query: { series: [{ event: "a" }], filters: [{ property: "x", operator: "is_set", values: 1 }] },
      expected: [{ path: "filters[0].values", message: "is not a known field" }],
    },
    {
      name: "too many series",
      query: { series: Array.from({ length: 27 }, () => ({ event: "a" })) },
      expected: [{ path: "series" }],
    },
    {
      name: "breakdown limit",
      query: { series: [{ event: "a" }], breakdown: { property: "x", limit: 1001 } },
      expected: [{ path: "breakdown.limit" }],
    },
    {
      name: "unknown field of a breakdown by cohorts",
      query: { series: [{ event: "a" }], breakdown: { cohorts: ["c"], limit: 3 } },
      expected: [{ path: "breakdown.limit", message: "is not a known field" }],
    },
    {
      name: "the same cohort twice",
      query: { series: [{ event: "a" }], breakdown: { cohorts: ["c", "c"] } },
      expected: [{ path: "breakdown.cohorts" }],
    },
    {
      name: "filters nested 50 deep",
      query: { series: [{ event: "a" }], filters: [nest(50)] },
      expected: [{ path: "filters", message: "is nested too deep" }],
    },
    {
      name: "filters nested 100,000 deep",
      query: { series: [{ event: "a" }], filters: [nest(100_000)] },
      expected: [{ path: "filters", message: "is nested too deep" }],
    },
  ];
  for (const { name, query, expected } of cases) {
    it(`names the field: ${name}`, () => expect(problemsOf(query)).toMatchObject(expected));
  }
});
