import { describe, expect, it } from "vitest";
import type { Filter } from "#schemas/query/filter.ts";
import { MillraceError } from "#schemas/errors.ts";
import { nobodyJoined } from "../people/people.ts";
import { checkFilters } from "./check-filters.ts";
import { filtersSql } from "./filters.ts";
import { Parameters } from "./parameters.ts";

function problemsOf(filters: unknown[]): unknown[] {
  try {
    checkFilters([{ path: "filters", filters: filters as Filter[] }]);
  } catch (error) {
    if (error instanceof MillraceError) return [...error.details];
    throw error;
  }
  return [];
}

it("keeps every value out of the text", () => {
  const parameters = new Parameters();
  const value = "'); DROP TABLE events; --";
  const sql = filtersSql(
    [
      { property: "country", operator: "eq", value },
      {
        or: [
          { property: "country", operator: "contains", value },
          { property: "n", operator: "gt", value: 5 },
        ],
      },
      { property: "country", operator: "in", value: [value, 1] },
    ],
    { parameters, people: nobodyJoined },
  );
  expect(sql).not.toContain("DROP");
  expect(Object.values(parameters.values)).toEqual([value, 5, [value, "1"], 1]);
});

it("quotes a hostile name so that it stays one identifier", () => {
  const sql = filtersSql([{ property: "a` = 1 OR 1 = 1 --", operator: "eq", value: "x" }], {
    parameters: new Parameters(),
    people: nobodyJoined,
  });
  expect(sql).toContain("properties.`a\\` = 1 OR 1 = 1 --`");
});

describe("checkFilters", () => {
  const cases: { name: string; filter: unknown; path: string }[] = [
    { name: "a value is missing", filter: { property: "a", operator: "eq" }, path: "filters[0].value" },
    {
      name: "in without a list",
      filter: { property: "a", operator: "in", value: 1 },
      path: "filters[0].value",
    },
    {
      name: "a list for eq",
      filter: { property: "a", operator: "eq", value: [1] },
      path: "filters[0].value",
    },
    {
      name: "true as a size",
      filter: { property: "a", operator: "gt", value: true },
      path: "filters[0].value",
    },
    {
      name: "notation of the store",
      filter: { property: "a.:`Int64`", operator: "is_set" },
      path: "filters[0].property",
    },
  ];
  for (const { name, filter, path } of cases) {
    it(`names the field: ${name}`, () => expect(problemsOf([filter])).toMatchObject([{ path }]));
  }

  it("bounds depth and number, those inside counted", () => {
    const leaf = { property: "a", operator: "is_set" };
    let deep: unknown = leaf;
    for (let level = 1; level < 10; level += 1) deep = { or: [deep] };
    expect(problemsOf([deep])).toEqual([]);
    expect(problemsOf([{ or: [deep] }])).toHaveLength(1);
    const many = Array.from({ length: 50 }, () => leaf);
    expect(problemsOf([{ or: many }, ...many.slice(1)])).toEqual([]);
    expect(problemsOf([{ or: many }, ...many])).toMatchObject([{ path: "filters" }]);
  });
});

it("answers the cohorts that filters name, with their paths", () => {
  const filters: Filter[] = [{ cohort: "a" }, { or: [{ cohort: "b", negate: true }] }];
  expect(checkFilters([{ path: "filters", filters }])).toEqual([
    { id: "a", path: "filters[0].cohort" },
    { id: "b", path: "filters[1].or[0].cohort" },
  ]);
});
