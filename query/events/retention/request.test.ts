import { describe, expect, it } from "vitest";
import { MillraceError } from "#schemas/errors.ts";
import { readRetentionRequest, readRetentionUsersRequest, writeCursor } from "./request.ts";

const now = Date.parse("2026-11-22T10:00:00Z");
const target = { event: "a" };

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

describe("readRetentionRequest names the field", () => {
  const cases: { name: string; query: object; paths: string[] }[] = [
    { name: "no target", query: {}, paths: ["target"] },
    { name: "an unknown field", query: { target, interval: "day" }, paths: ["interval"] },
    {
      name: "an unknown field inside",
      query: { target: { event: "a", math: "sum" } },
      paths: ["target.math"],
    },
    { name: "a minute", query: { target, period: "minute" }, paths: ["period"] },
    { name: "no rows", query: { target, periods: 0 }, paths: ["periods"] },
    { name: "a million rows", query: { target, periods: 1_000_000 }, paths: ["periods"] },
    { name: "half a row", query: { target, periods: 1.5 }, paths: ["periods"] },
    { name: "another type", query: { target, type: "unbounded" }, paths: ["type"] },
    { name: "no occurrences", query: { target, min_occurrences: 0 }, paths: ["min_occurrences"] },
    { name: "text that is no time", query: { target, from: "yesterday" }, paths: ["from"] },
    { name: "a range backwards", query: { target, from: "2026-02-01", to: "2026-01-01" }, paths: ["from"] },
    { name: "both edges wrong", query: { target, from: "x", to: "y" }, paths: ["from", "to"] },
    { name: "no such zone", query: { target, timezone: "Mars/Olympus" }, paths: ["timezone"] },
    {
      name: "a filter of each list",
      query: {
        filters: [{ property: "x", operator: "in", value: 1 }],
        target: { filters: [{ property: "x", operator: "eq" }] },
        returning: { filters: [{ property: "x", operator: "gt", value: true }] },
      },
      paths: ["filters[0].value", "target.filters[0].value", "returning.filters[0].value"],
    },
    { name: "a breakdown by nothing", query: { target, breakdown: {} }, paths: ["breakdown.property"] },
    {
      name: "a property that no path can name",
      query: { target, breakdown: { property: "^`a" } },
      paths: ["breakdown.property"],
    },
    {
      name: "too many values for so many rows",
      query: { target, periods: 366, breakdown: { property: "country" } },
      paths: ["breakdown.limit"],
    },
    {
      name: "too many cohorts for so many rows",
      query: { target, periods: 366, breakdown: { cohorts: ["a", "b", "c"] } },
      paths: ["breakdown.cohorts"],
    },
  ];
  for (const { name, query, paths } of cases) {
    it(name, () => expect(pathsOf(readRetentionRequest, query)).toEqual(paths));
  }

  it("takes a year of days, a quarter of days broken down, and the most values that there are", () => {
    const breakdown = { property: "country" };
    expect(pathsOf(readRetentionRequest, { target, periods: 366 })).toEqual([]);
    expect(pathsOf(readRetentionRequest, { target, periods: 92, breakdown })).toEqual([]);
    expect(pathsOf(readRetentionRequest, { target, breakdown: { ...breakdown, limit: 1000 } })).toEqual([]);
  });
});

describe("readRetentionRequest", () => {
  it("fills in defaults", () => {
    const filters = [{ property: "x", operator: "is_set" as const }];
    const request = readRetentionRequest({ from: "2026-06-10T18:00:00Z", target, filters }, now);
    expect(request).toMatchObject({
      target: { event: "a", filters },
      returning: { event: "a", filters },
      type: "recurring",
      cumulative: false,
      occurrencesMin: 1,
      breakdown: undefined,
    });
    expect(request.buckets.startsMs).toHaveLength(11);
    expect(new Date(request.buckets.startsMs[0] as number).toISOString()).toBe("2026-06-10T00:00:00.000Z");
    expect(request.endMs).toBe(request.buckets.endMs);
  });

  it("counts rows back from `to`, or from now, without `from`", () => {
    const lastStart = (query: object): string =>
      new Date(
        readRetentionRequest({ target, ...query }, now).buckets.startsMs.at(-1) as number,
      ).toISOString();
    expect(lastStart({})).toBe("2026-11-22T00:00:00.000Z");
    expect(lastStart({ to: "2026-03-31", period: "month" })).toBe("2026-03-01T00:00:00.000Z");
  });

  it("ends at `to` to the millisecond, and never after the last row", () => {
    const endOf = (to: string): string =>
      new Date(readRetentionRequest({ target, from: "2026-06-10", to, periods: 2 }, now).endMs).toISOString();
    expect(endOf("2026-06-11T10:00:00.000Z")).toBe("2026-06-11T10:00:00.001Z");
    expect(endOf("2026-06-11")).toBe("2026-06-12T00:00:00.000Z");
    expect(endOf("2026-08-01")).toBe("2026-06-12T00:00:00.000Z");
  });

  it("says where each cohort is used", () => {
    const request = readRetentionRequest(
      {
        target: { filters: [{ cohort: "t" }] },
        returning: { filters: [{ or: [{ cohort: "r", negate: true }] }] },
        breakdown: { cohorts: ["b0", "b1"] },
      },
      now,
    );
    expect(request.cohortsUsed).toEqual([
      { id: "t", path: "target.filters[0].cohort" },
      { id: "r", path: "returning.filters[0].or[0].cohort" },
      { id: "b0", path: "breakdown.cohorts[0]" },
      { id: "b1", path: "breakdown.cohorts[1]" },
    ]);
  });
});

describe("readRetentionUsersRequest", () => {
  const cases: { name: string; query: object; paths: string[] }[] = [
    { name: "no row", query: { target }, paths: ["row"] },
    { name: "a row before the first", query: { target, row: -1 }, paths: ["row"] },
    { name: "a row after the last", query: { target, periods: 5, row: 5 }, paths: ["row"] },
    { name: "a page of nobody", query: { target, row: 0, limit: 0 }, paths: ["limit"] },
    { name: "a page of a million", query: { target, row: 0, limit: 1_000_000 }, paths: ["limit"] },
    { name: "a cursor of another kind", query: { target, row: 0, cursor: "abc" }, paths: ["cursor"] },
    {
      name: "a cursor beyond all people",
      query: { target, row: 0, cursor: writeCursor(2 ** 32) },
      paths: ["cursor"],
    },
    { name: "what is wrong with the table", query: { target, row: 0, periods: 0 }, paths: ["periods"] },
  ];
  for (const { name, query, paths } of cases) {
    it(`names the field: ${name}`, () => expect(pathsOf(readRetentionUsersRequest, query)).toEqual(paths));
  }

  it("reads back its own cursor", () => {
    const cursor = writeCursor(4_294_967_295);
    expect(readRetentionUsersRequest({ target, row: 3, cursor }, now)).toMatchObject({
      row: 3,
      limit: 100,
      firstPerson: 4_294_967_295,
    });
  });
});
