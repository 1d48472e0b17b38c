import { describe, expect, it } from "vitest";
import { MillraceError } from "#schemas/errors.ts";
import { readPathsRequest } from "./request.ts";

const now = Date.parse("2026-11-22T10:00:00Z");

function pathsOf(query: unknown): string[] {
  try {
    readPathsRequest(query, now);
  } catch (error) {
    if (error instanceof MillraceError && error.code === "INVALID_QUERY")
      return error.details.map((detail) => (detail as { path: string }).path);
    throw error;
  }
  return [];
}

describe("readPathsRequest", () => {
  const cases: { name: string; query: unknown; paths: string[] }[] = [
    { name: "no object", query: [], paths: [""] },
    { name: "an unknown field", query: { step: 3 }, paths: ["step"] },
    { name: "an unknown field of the anchor", query: { anchor: { name: "a" } }, paths: ["anchor.name"] },
    { name: "eleven steps", query: { steps: 11 }, paths: ["steps"] },
    { name: "no steps", query: { steps: 0 }, paths: ["steps"] },
    { name: "an unknown direction", query: { direction: "up" }, paths: ["direction"] },
    { name: "an unknown occurrence", query: { occurrence: "last" }, paths: ["occurrence"] },
    { name: "an unknown zone", query: { timezone: "Mars/Base" }, paths: ["timezone"] },
    { name: "too many nodes", query: { node_limit: 1001 }, paths: ["node_limit"] },
    { name: "a window of nothing", query: { within_seconds: 0 }, paths: ["within_seconds"] },
    { name: "nothing left to include", query: { include: ["a"], exclude: ["a", "b"] }, paths: ["exclude"] },
    {
      name: "an unknown operator of the anchor",
      query: { anchor: { filters: [{ property: "x", operator: "like", value: 1 }] } },
      paths: ["anchor.filters[0].operator"],
    },
    {
      name: "a filter without a value",
      query: { filters: [{ property: "x", operator: "eq" }] },
      paths: ["filters[0].value"],
    },
  ];
  for (const { name, query, paths } of cases)
    it(`names the field: ${name}`, () => expect(pathsOf(query)).toEqual(paths));

  it("fills in defaults, and finds the cohorts of every filter", () => {
    const request = readPathsRequest(
      { filters: [{ cohort: "c1" }], anchor: { filters: [{ or: [{ cohort: "c2" }] }] } },
      now,
    );
    expect(request).toMatchObject({
      anchor: { event: null },
      direction: "next",
      steps: 3,
      occurrence: "first",
      collapseRepeats: false,
      nodeLimit: 50,
      edgeLimit: 100,
      cohortsUsed: [
        { id: "c1", path: "filters[0].cohort" },
        { id: "c2", path: "anchor.filters[0].or[0].cohort" },
      ],
    });
  });
});
