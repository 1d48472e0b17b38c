import { describe, expect, it } from "vitest";
import { applyRange } from "./apply-range.ts";

const nowMs = Date.UTC(2026, 10, 22, 10);
const trends = { kind: "trends", query: { series: [{ event: "a" }] }, range: { days: 3 } } as const;
const retention = { kind: "retention", query: { target: { event: "a" } }, range: { days: 20 } } as const;

describe("the range of an insight", () => {
  it.each([
    { name: "counts today", insight: trends, asked: {}, from: "2026-11-20T00:00:00.000Z" },
    {
      name: "begins at midnight of the query's zone",
      insight: { ...trends, query: { ...trends.query, timezone: "Asia/Tokyo" } },
      asked: {},
      from: "2026-11-19T15:00:00.000Z",
    },
    {
      name: "begins at midnight of the zone that was asked for",
      insight: trends,
      asked: { timezone: "America/New_York" },
      from: "2026-11-20T05:00:00.000Z",
    },
    {
      name: "ends with the end that was asked for",
      insight: trends,
      asked: { to: "2026-11-10" },
      from: "2026-11-08T00:00:00.000Z",
    },
  ])("$name", ({ insight, asked, from }) => {
    const query = applyRange(insight, asked, nowMs);
    expect(new Date(query["from"] as number).toISOString()).toBe(from);
  });

  it("gives way to a beginning that was asked for", () => {
    expect(applyRange(trends, { from: "2026-01-01" }, nowMs)).toEqual({
      ...trends.query,
      from: "2026-01-01",
    });
  });

  it("leaves a query without one as it is", () => {
    expect(applyRange({ ...trends, range: null }, {}, nowMs)).toEqual(trends.query);
  });

  it("does not go with a range of the query", () => {
    const insight = { ...trends, query: { ...trends.query, to: "2026-01-01" } };
    expect(() => applyRange(insight, {}, nowMs)).toThrow("range");
  });

  it.each([
    { period: "day", periods: 20 },
    { period: "week", periods: 3 },
    { period: "month", periods: 1 },
  ])("fills a retention by $period with rows", ({ period, periods }) => {
    const query = applyRange({ ...retention, query: { ...retention.query, period } }, {}, nowMs);
    expect(query["periods"]).toBe(periods);
  });

  it("keeps the rows that a retention asks for", () => {
    const query = applyRange({ ...retention, query: { ...retention.query, periods: 2 } }, {}, nowMs);
    expect(query["periods"]).toBe(2);
  });
});
