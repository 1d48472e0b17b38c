// Queries over what is gone: counts and people are answered as before, what needs single events says that they are gone.
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { createLogger } from "#ops/runtime/log.ts";
import { callStream } from "#streams/call-service.ts";
import { serve } from "#streams/services.ts";
import { storeTime } from "../testing/test-database.ts";
import { callOptions, errorOf, projectId, row, startTestTier, type TestTier } from "../testing/test-tier.ts";

const old = Date.UTC(2026, 2, 10);
const gone = Date.UTC(2026, 3, 1);
let tier: TestTier;

/** A visit an hour from March 10 on, 200 of them, by ten people. */
beforeAll(async () => {
  tier = await startTestTier(inject("servers").postgresUrl);
  await tier.postgres.query(
    `INSERT INTO projects (id, public_id, name) OVERRIDING SYSTEM VALUE VALUES ($1, 'p3', 'p3')`,
    [projectId],
  );
  await tier.database.insertEvents(
    Array.from({ length: 200 }, (_, index) => ({
      ...row(index),
      event: index % 2 === 0 ? "visit" : "buy",
      event_id: `old-${index}`,
      timestamp: storeTime(old + index * 3_600_000),
    })),
  );
});

afterAll(async () => {
  await tier.stop();
});

const range = { from: "2026-03-01", to: "2026-03-31" };
const byDay = {
  series: [{ event: "visit" }, { event: "visit", math: "unique_users" }],
  interval: "day",
  ...range,
};
const filtered = {
  series: [{ event: "visit", filters: [{ property: "amount", operator: "gte", value: 100 }] }],
  interval: "day",
  ...range,
};
const funnel = { steps: [{ event: "visit" }, { event: "buy" }], window_seconds: 86_400, ...range };

const valuesOf = async (query: object): Promise<unknown> =>
  ((await tier.call("trends", query)) as { series: { total: number }[] }).series.map(({ total }) => total);

async function command(query: string): Promise<void> {
  await tier.database.clickhouse.command({ query });
}

async function say(months: readonly number[], removed: boolean): Promise<void> {
  await tier.postgres.query(
    `INSERT INTO raw_months_gone (project_id, month, restored) SELECT $1, unnest($2::int[]), $3
     ON CONFLICT (project_id, month) DO UPDATE SET restored = excluded.restored`,
    [projectId, months, !removed],
  );
  await tier.postgres.query("UPDATE projects SET answers_epoch = answers_epoch + 1 WHERE id = $1", [
    projectId,
  ]);
}

describe("what is gone", () => {
  let counted: unknown;

  it("is answered as long as it is there", async () => {
    counted = await valuesOf(byDay);
    expect(counted).toEqual([100, 5]);
    expect(await valuesOf(filtered)).toEqual([50]);
    await tier.call("funnel", funnel);
  });

  it("is not counted as nothing afterwards, from kept answers neither", async () => {
    await say([202_603], true);
    await command("ALTER TABLE events DROP PARTITION ID '0-202603'");
    await command("ALTER TABLE steps DROP PARTITION ID '0-202603'");
    await command("ALTER TABLE steps_sample DROP PARTITION ID '0-202603'");
    expect(await valuesOf(byDay)).toEqual(counted);
    for (const [method, query] of [
      ["trends", filtered],
      ["trends", { ...byDay, interval: "day", breakdown: { property: "amount" } }],
      ["trends", { ...byDay, series: [{ event: "buy", math: "median", property: "amount" }] }],
      ["funnel", funnel],
      ["paths", { ...range }],
    ] as const) {
      const error = await errorOf(tier.call(method, query));
      expect([method, error.code]).toEqual([method, "RAW_DATA_EXPIRED"]);
      expect(error.message).toContain("2026-04-01T00:00:00.000Z");
      expect(error.details).toEqual([
        { gone_from: "2026-03-01T00:00:00.000Z", gone_until: "2026-04-01T00:00:00.000Z" },
      ]);
    }
  });

  it("keeps nobody from what lies after it", async () => {
    const after = { from: new Date(gone).toISOString(), to: "2026-11-30" };
    expect(
      await valuesOf({ ...filtered, ...after, series: [{ ...filtered.series[0], event: "order" }] }),
    ).toEqual([966]);
    await tier.call("funnel", { ...funnel, ...after });
    // A range of both is not answered from the half that is there.
    const both = await errorOf(
      tier.call("trends", { ...filtered, from: "2026-03-31T23:00:00Z", to: "2026-11-30" }),
    );
    expect(both.code).toBe("RAW_DATA_EXPIRED");
  });

  it("is not exported as if it were all", async () => {
    const parts: Uint8Array[] = [];
    const run = (from: string): Promise<void> =>
      callStream(
        tier.connection,
        "svc.query.export_events",
        { from, to: "2026-11-01T01:00:00Z" },
        callOptions,
        {
          onStart: () => {},
          onChunk: (bytes) => void parts.push(bytes),
          signal: new AbortController().signal,
        },
      );
    expect((await errorOf(run("2026-03-01"))).code).toBe("RAW_DATA_EXPIRED");
    expect(parts).toEqual([]);
    await run("2026-04-01");
    expect(Buffer.concat(parts).toString().trim().split("\n")).toHaveLength(61);
  });

  it("makes no cohort smaller", async () => {
    const definition = (days: number): object => ({
      definition: { did: { event: "visit", at_least: 2, days } },
    });
    expect((await errorOf(tier.call("cohort_statement", definition(365)))).code).toBe("RAW_DATA_EXPIRED");
    await tier.call("cohort_statement", definition(20));
  });

  it("is answered again once it is restored", async () => {
    await tier.database.clickhouse.insert({
      table: "events_staging",
      values: [{ ...row(0), event: "visit", timestamp: storeTime(old), retention_days: 60_000 }],
      format: "JSONEachRow",
      clickhouse_settings: { date_time_input_format: "basic" },
    });
    await command("ALTER TABLE events REPLACE PARTITION ID '60000-202603' FROM events_staging");
    await say([202_603], false);
    expect(
      await valuesOf({
        ...filtered,
        series: [{ event: "visit", filters: [{ property: "amount", operator: "eq", value: 0 }] }],
      }),
    ).toEqual([1]);
    await say([202_603], true);
  });

  it("includes counts, when these are gone too", async () => {
    const links = serve(tier.connection, {
      service: "links",
      log: createLogger({ level: "error", name: "test" }),
      methods: {
        resolve: async () => ({ projectId, publicId: "lnk_1", code: "spring", domain: "" }),
      },
    });
    await tier.database.insertEvents(
      [old, gone, gone + 3_600_000].map((atMs, index) => ({
        ...row(index),
        event: "link.clicked",
        event_id: `click-${index}`,
        timestamp: storeTime(atMs),
        properties: { link_id: "lnk_1", bot: false, preview: false },
      })),
    );
    const stats = (given: object): Promise<unknown> => tier.call("link_stats", { code: "spring", ...given });
    expect(await stats({ to: "2026-04-30" })).toMatchObject({ clicks: 3, from: "2026-03-10T00:00:00.000Z" });
    await tier.postgres.query(
      "UPDATE projects SET aggregates_from = '2026-04-01T00:00:00Z', answers_epoch = answers_epoch + 1 WHERE id = $1",
      [projectId],
    );
    const error = await errorOf(tier.call("trends", byDay));
    expect([error.code, error.details]).toEqual([
      "DATA_EXPIRED",
      [{ kept_from: "2026-04-01T00:00:00.000Z" }],
    ]);
    expect(await valuesOf({ ...byDay, from: "2026-04-01", to: "2026-04-30" })).toEqual([0, 0]);
    // Of links: a range that reaches further back is refused, and none begins with what is kept, in every zone.
    for (const given of [
      { from: "2026-03-31" },
      { from: "2026-03-01", to: "2026-03-31" },
      { to: "2026-03-31" },
    ]) {
      const refused = await errorOf(stats(given));
      expect([refused.code, refused.details]).toEqual([
        "DATA_EXPIRED",
        [{ kept_from: "2026-04-01T00:00:00.000Z" }],
      ]);
    }
    for (const timezone of ["UTC", "America/New_York", "Asia/Kolkata"]) {
      expect(await stats({ to: "2026-04-30", timezone })).toMatchObject({
        clicks: 2,
        from: "2026-04-01T00:00:00.000Z",
      });
    }
    await links.stop();
  });
});
