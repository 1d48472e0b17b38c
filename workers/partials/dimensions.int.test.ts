// Dimensions from request to answer: chosen, computed by a worker process, used by queries, never stale, given up.
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Dimensions } from "#schemas/selectors/dimensions.ts";
import type { TrendsAnswer } from "#schemas/query/trends.ts";
import { callService } from "#streams/call-service.ts";
import { startQueryProcess } from "../testing/query-process.ts";
import { buildEvent, startBed, type Bed } from "../testing/worker-processes.ts";
import { removeUnused } from "./remove-stale.ts";
import { SelectorLedger } from "./selector-ledger.ts";

const countries = ["NL", "DE", "FR"];
const events = Array.from({ length: 3_000 }, (_, id) =>
  buildEvent(id, {
    event: "order",
    // Not today: the day that is not over is always read from rows.
    timestamp: Date.now() - (1 + (id % 60)) * 86_400_000,
    properties: JSON.stringify({ country: countries[id % 3], amount: id % 10 }),
  }),
);
const readyMsMax = 60_000;

let bed: Bed;
let query: { stop(): void };

beforeAll(async () => {
  bed = await startBed();
  bed.startWorkers("workers-1");
  query = await startQueryProcess(bed);
  await bed.publish(events);
  await until(async () => (await count("SELECT count() FROM events")) === events.length);
}, 120_000);

afterAll(async () => {
  query.stop();
  await bed.close();
});

async function until(ready: () => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + readyMsMax;
  while (!(await ready())) {
    if (performance.now() > deadlineMs) throw new Error("it did not happen in time");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function count(sql: string): Promise<number> {
  const result = await bed.clickhouse.query({ query: sql, format: "JSONCompact" });
  return Number((await result.json<[string]>()).data[0]?.[0]);
}

function call(subject: `svc.${string}.${string}`, payload: object): Promise<unknown> {
  const options = { requestId: "r1", projectId: 1, timeoutMs: 20_000 };
  return callService(bed.connection, subject, payload, options);
}

/** Events by country, all of the last 90 days, and the tables that answered. */
async function byCountry(math: object = {}): Promise<{ totals: Record<string, number>; source: string }> {
  const answer = (await call("svc.query.trends", {
    from: Date.now() - 90 * 86_400_000,
    series: [{ event: "order", ...math }],
    breakdown: { property: "country" },
    // Such an answer is never one that was kept whole.
    explain: true,
  })) as TrendsAnswer;
  return {
    totals: Object.fromEntries(answer.series.map((line) => [line.breakdown, line.total as number])),
    source: answer.meta.source,
  };
}

it(
  "computes what was chosen, answers from it, and shows late events at once",
  { timeout: 180_000 },
  async () => {
    const expected = { NL: 1_000, DE: 1_000, FR: 1_000 };
    expect(await byCountry()).toEqual({ totals: expected, source: "events" });

    const chosen = { properties: [{ property: "country", values_max: 100 }], numbers: ["amount"] };
    const answered = (await call("svc.dimensions.replace", chosen)) as Dimensions;
    expect(answered.properties).toMatchObject([{ property: "country", values_max: 100 }]);
    await until(async () => {
      const { properties, numbers } = (await call("svc.dimensions.get", {})) as Dimensions;
      return [...properties, ...numbers].every((each) => each.days_kept >= 60 && each.days_behind === 0);
    });
    // Numbers by country come last.
    await until(async () => (await count("SELECT uniqExact(selector_id) FROM partial_state")) === 3);

    const kept = await byCountry();
    expect(kept.totals).toEqual(expected);
    expect(kept.source).toContain("partial_day");
    const amounts = Object.fromEntries(
      countries.map((country) => [
        country,
        events
          .map((event) => JSON.parse(event.properties) as { country: string; amount: number })
          .filter((each) => each.country === country)
          .reduce((sum, each) => sum + each.amount, 0),
      ]),
    );
    await until(async () =>
      (await byCountry({ math: "sum", property: "amount" })).source.includes("partial_day"),
    );
    expect((await byCountry({ math: "sum", property: "amount" })).totals).toEqual(amounts);

    const late = events[30] as (typeof events)[number];
    // A batch is in the answers when its insert has ended, rollups included.
    await bed.publish([{ ...late, event_id: "late" }]);
    await until(async () => (await count("SELECT sum(events) FROM rollup_day")) === events.length + 1);
    const seen = await byCountry();
    expect(seen.totals).toEqual({ ...expected, NL: 1_001 });
    expect(seen.source).toContain("events");
  },
);

it("removes what nobody wants any more", { timeout: 60_000 }, async () => {
  expect(await count("SELECT count() FROM partial_hour")).toBeGreaterThan(0);
  await call("svc.dimensions.delete", {});
  expect(await call("svc.dimensions.get", {})).toEqual({ properties: [], numbers: [], learned: [] });
  // No query uses it from here on, but one that began before may still read it.
  expect((await byCountry()).source).toBe("events");
  const stores = {
    clickhouse: bed.clickhouse,
    clickhouseCluster: undefined,
    ledger: new SelectorLedger(bed.postgres),
  };
  const signal = AbortSignal.timeout(30_000);
  expect(await removeUnused(stores, signal)).toBe(0);
  await bed.postgres.query("UPDATE selectors SET unused_since = now() - interval '2 hours'");
  expect(await removeUnused(stores, signal)).toBe(3);
  for (const table of ["partial_hour", "partial_day", "partial_state"]) {
    expect(await count(`SELECT count() FROM ${table}`), table).toBe(0);
  }
  expect((await bed.postgres.query("SELECT FROM selectors")).rowCount).toBe(0);
});

it.each([
  [{}, "properties"],
  [{ properties: [{ property: "" }] }, "properties[0].property"],
  [{ properties: [{ property: "a.:`Int64`" }] }, "properties[0].property"],
  [{ properties: [{ property: "a" }, { property: "a" }] }, "properties[1].property"],
  [{ properties: [{ property: "a", values_max: 0 }] }, "properties[0].values_max"],
  [{ properties: [], numbers: ["a", "a"] }, "numbers"],
  [{ properties: [], more: 1 }, "more"],
])("refuses %j and names %s", async (body, path) => {
  await expect(call("svc.dimensions.replace", body)).rejects.toMatchObject({
    code: "INVALID_BODY",
    details: [{ path }],
  });
});
