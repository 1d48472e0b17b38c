// Trends as others see them: through the tier's service on NATS, over the real servers.
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { TrendsAnswer } from "#schemas/query/trends.ts";
import { storeTime } from "../../testing/test-database.ts";
import { base, errorOf, row, startTestTier, type TestTier } from "../../testing/test-tier.ts";

const dayMs = 86_400_000;
let tier: TestTier;

beforeAll(async () => {
  tier = await startTestTier(inject("servers").postgresUrl);
});

afterAll(() => tier.stop());

const trends = (body: object): Promise<TrendsAnswer> => tier.call("trends", body) as Promise<TrendsAnswer>;

describe("trends", () => {
  const range = { from: "2026-11-01", to: "2026-11-03" };

  it("answers counts, uniques and sums with a formula, and says what it did", async () => {
    const answer = await trends({
      ...range,
      series: [
        { event: "order", label: "orders" },
        { event: null, math: "unique_users" },
        { event: "order", math: "sum", property: "amount" },
      ],
      formula: "C / orders",
    });
    expect(answer.series.map((each) => [each.label, each.total])).toEqual([
      ["orders", 1000],
      ["Any event", 10],
      ["order", (999 * 1000 * 3) / 2],
      ["C / orders", 1498.5],
    ]);
    expect(answer.series[0]?.buckets).toEqual([
      "2026-11-01T00:00:00.000Z",
      "2026-11-02T00:00:00.000Z",
      "2026-11-03T00:00:00.000Z",
    ]);
    expect(answer.series[0]?.values).toEqual([480, 480, 40]);
    expect(answer.meta).toMatchObject({ source: "events+rollup_day", cache: "miss", exact: true });
    expect(Math.abs(Date.now() - Date.parse(answer.meta.as_of ?? ""))).toBeLessThan(5_000);
    expect(answer.meta.rows_read).toBeGreaterThan(0);
  });

  it("finds a key with dots, and names in quotes", async () => {
    const answer = await trends({
      ...range,
      series: [{ event: 'page "view"\n', filters: [{ property: "a.b", operator: "eq", value: "dotted" }] }],
    });
    expect(answer.series[0]?.total).toBe(2000);
  });

  it("takes as many buckets, values and long names as its contract allows", async () => {
    const days = await trends({
      from: "1999-07-15",
      to: "2026-11-22",
      timezone: "Europe/Amsterdam",
      series: [{ event: "order" }, { event: "order", math: "sum", property: "amount" }],
    });
    expect(days.series[0]?.values).toHaveLength(9_993);
    expect(days.series.map((each) => each.total)).toEqual([1000, (999 * 1000 * 3) / 2]);

    const value = Array.from({ length: 1000 }, (_, index) => `${index}é'\\${"x".repeat(200)}`);
    const filters = [
      {
        or: [
          { property: "amount", operator: "in", value },
          { property: "amount", operator: "in", value: [1, 2, 3] },
        ],
      },
    ];
    expect((await trends({ ...range, series: [{ event: null, filters }] })).series[0]?.total).toBe(3);

    const long = Array.from({ length: 50 }, (_, index) => ({
      ...row(index),
      event: "long",
      event_id: `long${index}`,
      // After everything that the other tests count.
      timestamp: storeTime(base + 10 * dayMs),
      properties: { text: `${index}'`.repeat(3000) },
    }));
    await tier.database.insertEvents(long);
    const broken = await trends({
      from: "2026-11-10",
      to: "2026-11-12",
      series: [{ event: "long" }],
      breakdown: { property: "text", limit: 40 },
    });
    expect(broken.series.map((each) => each.total)).toEqual([...Array.from({ length: 40 }, () => 1), 10]);
    expect(broken.series.at(-1)?.breakdown).toBe("$other");
  });

  it("explains plan, SQL and the store's own plan", async () => {
    const answer = await trends({ ...range, series: [{ event: "order" }], explain: true });
    expect(answer.explain).toMatchObject([
      { plan: { kind: "slices" }, sql: expect.stringContaining("rollup_day") as string },
    ]);
    expect(JSON.stringify(answer.explain)).toContain("ReadFromMergeTree");
  });

  it("refuses what it cannot answer with the field's name", async () => {
    const error = await errorOf(
      trends({ ...range, series: [{ event: "order", filters: [{ cohort: "c1" }] }] }),
    );
    expect([error.code, error.details]).toMatchObject([
      "INVALID_QUERY",
      [{ path: "series[0].filters[0].cohort" }],
    ]);
    expect((await errorOf(tier.call("trends", Buffer.from("{")))).code).toBe("MALFORMED_JSON");
  });

  it("names the wrong field of every wrong query, before any store is asked", async () => {
    const series = [{ event: "order" }];
    let nested: object = { property: "a", operator: "eq", value: 1 };
    for (let level = 0; level < 50; level += 1) nested = { or: [nested] };
    const wrong: [object, string][] = [
      [{}, "series"],
      [{ series: Array.from({ length: 100 }, () => ({})) }, "series"],
      [{ series, from: "2024-01-01", interval: "minute" }, "interval"],
      [{ series, interval: "fortnight" }, "interval"],
      [{ series, timezone: "Mars/Base" }, "timezone"],
      [{ series, from: "yesterday" }, "from"],
      [{ series, filters: [nested] }, "filters"],
      [{ series, filters: [{ property: "a", operator: "like", value: 1 }] }, "filters[0].operator"],
      [{ series, filters: [{ property: "a", operator: "in", value: 1 }] }, "filters[0].value"],
      [{ series, breakdown: { property: "a", by: "user" } }, "breakdown.by"],
      [{ series, breakdown: { cohorts: ["nobody"] } }, "breakdown.cohorts[0]"],
      [{ series: [{ event: "order", math: "mode" }] }, "series[0].math"],
      [{ series, limit: 5 }, "limit"],
    ];
    for (const [query, path] of wrong) {
      const error = await errorOf(trends({ ...range, ...query }));
      expect([error.code, (error.details[0] as { path: string }).path]).toEqual(["INVALID_QUERY", path]);
    }
  });

  it("keeps property names from becoming SQL", async () => {
    const hostile = [
      "` OR 1=1 --",
      "a`) OR (1=1",
      "\\` UNION ALL SELECT 1 --",
      "{project_id:UInt32}",
      "a;DROP TABLE events",
      "x\0y",
    ];
    for (const property of hostile) {
      const answer = await trends({
        ...range,
        series: [{ event: "order", math: "sum", property, filters: [{ property, operator: "is_set" }] }],
        breakdown: { property },
      });
      expect(answer.series, property).toEqual([]);
    }
  });
});

it("lets a date that ends the range count whole, and nothing after it", async () => {
  const answer = await trends({
    from: base,
    to: base + dayMs - 1,
    interval: "hour",
    series: [{ event: null }],
  });
  expect(answer.series[0]?.total).toBe(1440);
  expect(answer.series[0]?.values).toHaveLength(24);
});
