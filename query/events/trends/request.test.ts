import { describe, expect, it } from "vitest";
import { MillraceError } from "#schemas/errors.ts";
import { readTrendsRequest } from "./request.ts";

const now = Date.parse("2026-11-22T10:00:00Z");

function pathsOf(query: object): string[] {
  try {
    readTrendsRequest(query, now);
  } catch (error) {
    if (error instanceof MillraceError)
      return error.details.map((detail) => (detail as { path: string }).path);
    throw error;
  }
  return [];
}

describe("readTrendsRequest", () => {
  const cases: { name: string; query: object; paths: string[] }[] = [
    {
      name: "sum without a property",
      query: { series: [{ event: "a", math: "sum" }] },
      paths: ["series[0].property"],
    },
    {
      name: "a million buckets",
      query: { from: "2024-01-01", interval: "minute", series: [{}] },
      paths: ["interval"],
    },
    {
      name: "too many values in all",
      query: {
        from: "2026-01-01",
        interval: "hour",
        series: [{}],
        breakdown: { property: "a", limit: 1000 },
      },
      paths: ["interval"],
    },
    { name: "a formula over nothing", query: { series: [{}], formula: "A / Z" }, paths: ["formula"] },
    {
      name: "several at once",
      query: { series: [{ math: "avg" }, { math: "max" }], formula: "+" },
      paths: ["series[0].property", "series[1].property", "formula"],
    },
  ];
  for (const { name, query, paths } of cases)
    it(`names the field: ${name}`, () => expect(pathsOf(query)).toEqual(paths));

  it("fills in defaults", () => {
    const request = readTrendsRequest(
      { series: [{ event: "a", filters: [{ property: "x", operator: "is_set" }] }, {}] },
      now,
    );
    expect(request.series).toMatchObject([
      { label: "a", event: "a", math: "total", filters: [{ property: "x" }] },
      { label: "Any event", event: null, math: "total", filters: [] },
    ]);
    expect(request.periods.map((period) => [period.compare, period.buckets.startsMs.length])).toEqual([
      [false, 30],
    ]);
  });

  it("takes a year of hours of ten series", () => {
    const series = Array.from({ length: 10 }, () => ({}));
    expect(pathsOf({ from: "2025-11-22", to: "2026-11-21", interval: "hour", series })).toEqual([]);
  });
});
