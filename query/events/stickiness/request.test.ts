import { describe, expect, it } from "vitest";
import { MillraceError } from "#schemas/errors.ts";
import { readLifecycleRequest } from "../lifecycle/request.ts";
import { readStickinessRequest } from "./request.ts";

const now = Date.parse("2026-11-22T10:00:00Z");

function pathsOf(read: (body: unknown, nowMs: number) => unknown, query: object): string[] {
  try {
    read(query, now);
  } catch (error) {
    if (error instanceof MillraceError && error.code === "INVALID_QUERY")
      return error.details.map((detail) => (detail as { path: string }).path);
    throw error;
  }
  return [];
}

describe("both name the field", () => {
  const cases: { name: string; query: object; paths: string[] }[] = [
    { name: "a minute", query: { interval: "minute" }, paths: ["interval"] },
    { name: "a million buckets", query: { from: "1950-01-01", interval: "hour" }, paths: ["interval"] },
    { name: "an unknown field", query: { period: "day" }, paths: ["period"] },
    { name: "no event", query: { event: "" }, paths: ["event"] },
    { name: "a range backwards", query: { from: "2026-02-01", to: "2026-01-01" }, paths: ["from"] },
    {
      name: "a filter without its value",
      query: { filters: [{ property: "x", operator: "eq" }] },
      paths: ["filters[0].value"],
    },
  ];
  for (const { name, query, paths } of cases) {
    it(name, () => {
      expect(pathsOf(readStickinessRequest, query)).toEqual(paths);
      expect(pathsOf(readLifecycleRequest, query)).toEqual(paths);
    });
  }
});

describe("readStickinessRequest", () => {
  it("names the field of a series", () => {
    expect(pathsOf(readStickinessRequest, { event: "a", series: [{}] })).toEqual(["event"]);
    expect(pathsOf(readStickinessRequest, { series: [] })).toEqual(["series"]);
    const filters = [{ property: "x", operator: "eq" }];
    expect(pathsOf(readStickinessRequest, { series: [{}, { filters }] })).toEqual([
      "series[1].filters[0].value",
    ]);
  });

  it("fills in defaults", () => {
    const request = readStickinessRequest({ event: "a" }, now);
    expect(request.series).toEqual([{ label: "a", event: "a", filters: [] }]);
    expect(request.buckets.startsMs).toHaveLength(30);
    expect(readStickinessRequest({}, now).series).toEqual([{ label: "Any event", event: null, filters: [] }]);
  });
});

describe("readLifecycleRequest", () => {
  it("looks at the interval before the range too", () => {
    const { buckets, endMs } = readLifecycleRequest(
      { from: "2026-03-30", to: "2026-03-31", timezone: "Europe/Amsterdam" },
      now,
    );
    expect(buckets.startsMs.map((start) => new Date(start).toISOString())).toEqual([
      // A day of 23 hours.
      "2026-03-28T23:00:00.000Z",
      "2026-03-29T22:00:00.000Z",
      "2026-03-30T22:00:00.000Z",
    ]);
    expect(new Date(endMs).toISOString()).toBe("2026-03-31T22:00:00.000Z");
  });
});
