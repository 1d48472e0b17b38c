// Sessions as whoever asks the service sees them: a day of three people, told event by event.
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { LifecycleAnswer } from "#schemas/query/lifecycle.ts";
import type { RetentionAnswer } from "#schemas/query/retention.ts";
import type { StickinessAnswer } from "#schemas/query/stickiness.ts";
import type { TrendsAnswer } from "#schemas/query/trends.ts";
import { storeTime } from "../testing/test-database.ts";
import { startTestTier, type TestTier } from "../testing/test-tier.ts";

const project = 71;
const day = Date.UTC(2026, 9, 5);
const at = (time: string, days = 0): number => day + days * 86_400_000 + Date.parse(`1970-01-01T${time}Z`);
const range = { from: "2026-10-05", to: "2026-10-05" };
let tier: TestTier;
let ids = 0;

interface Told {
  readonly user: number;
  readonly atMs: number;
  readonly event?: string;
  readonly url?: string;
  readonly country?: string;
}

const tell = (events: readonly Told[]): Promise<void> =>
  tier.database.insertEvents(
    events.map(({ user, atMs, event = "page", url = "", country }) => ({
      ...{ project_id: project, event, timestamp: storeTime(atMs), user_number: user, page_url: url },
      ...{ event_id: `s${(ids += 1)}`, user_id: `u${user}`, received_at: storeTime(atMs) },
      properties: country === undefined ? {} : { country },
    })),
  );

beforeAll(async () => {
  tier = await startTestTier(inject("servers").postgresUrl);
  await tier.postgres.query(
    `INSERT INTO projects (id, public_id, name) OVERRIDING SYSTEM VALUE VALUES (${project}, 's', 's')`,
  );
  await tell([
    // One goes on over midnight, and another follows in the morning.
    { user: 1, atMs: at("23:50:00", -1), url: "https://x.test/before" },
    { user: 1, atMs: at("00:10:00"), url: "https://x.test/after" },
    { user: 1, atMs: at("09:00:00"), url: "https://x.test/", country: "NL" },
    { user: 1, atMs: at("09:20:00"), event: "search", country: "DE" },
    { user: 1, atMs: at("09:50:00"), url: "https://x.test/cart", event: "order" },
    // Half an hour is no pause, a millisecond more is.
    { user: 2, atMs: at("12:00:00"), url: "https://x.test/", country: "NL" },
    { user: 2, atMs: at("12:30:00") },
    { user: 2, atMs: at("13:00:00.001") },
    // Begins on the day, and ends on the next one.
    { user: 3, atMs: at("23:40:00"), url: "https://x.test/late", country: "FR" },
    { user: 3, atMs: at("00:05:00", 1), url: "https://x.test/bye" },
  ]);
});
afterAll(() => tier.stop());

const ask = async (body: object): Promise<TrendsAnswer> =>
  (await tier.call("trends", { ...range, ...body }, project)) as TrendsAnswer;
const totalOf = async (event: string, more: object = {}): Promise<number | null> =>
  (await ask({ series: [{ event, ...more }] })).series[0]?.total ?? null;
const byValue = ({ series }: TrendsAnswer): Record<string, number | null> =>
  Object.fromEntries(series.map(({ breakdown, total }) => [String(breakdown), total]));

describe("sessions", () => {
  it("begin on the day of their first event, and end on that of their last", async () => {
    expect(await totalOf("$session_start")).toBe(4);
    expect(await totalOf("$session_end")).toBe(4);
    expect(await totalOf("$session_start", { math: "unique_users" })).toBe(3);
    const hours = await ask({ interval: "hour", series: [{ event: "$session_start" }] });
    const began = hours.series[0]?.values.flatMap((value, hour) => (value === 0 ? [] : [[hour, value]]));
    expect(began).toEqual([
      [9, 1],
      [12, 1],
      [13, 1],
      [23, 1],
    ]);
  });

  it("have a length, a number of events, and pages and events where they begin and end", async () => {
    const start = "$session_start";
    expect(await totalOf(start, { math: "max", property: "$session_duration" })).toBe(3000);
    expect(await totalOf(start, { math: "median", property: "$session_duration" })).toBe(1650);
    expect(await totalOf("$session_end", { math: "max", property: "$session_duration" })).toBe(3000);
    expect(await totalOf(start, { math: "sum", property: "$session_events" })).toBe(8);
    const by = async (property: string) =>
      byValue(await ask({ series: [{ event: start }], breakdown: { property } }));
    expect(await by("$session_entry_url")).toEqual({
      ...{ "https://x.test/": 2, "https://x.test/late": 1, $none: 1 },
    });
    expect(await by("$session_exit_url")).toEqual({
      ...{ "https://x.test/cart": 1, "https://x.test/": 1, "https://x.test/bye": 1, $none: 1 },
    });
    expect(await by("$session_exit_event")).toEqual({ page: 3, order: 1 });
    expect(await by("$session_events")).toEqual({ 1: 1, 2: 2, 3: 1 });
  });

  it("have the properties of their first event, for breakdowns and filters", async () => {
    const answer = await ask({ series: [{ event: "$session_start" }], breakdown: { property: "country" } });
    expect(byValue(answer)).toEqual({ NL: 2, FR: 1, $none: 1 });
    const filters = [
      { property: "country", operator: "eq", value: "NL" },
      { property: "$session_events", operator: "gt", value: 2 },
    ];
    expect(await totalOf("$session_start", { filters })).toBe(1);
  });

  it("are counted by retention, stickiness and lifecycle", async () => {
    const call = (method: string, body: object): Promise<unknown> =>
      tier.call(method, { ...range, ...body }, project);
    const stickiness = (await call("stickiness", {
      ...{ series: [{ event: "$session_start" }], interval: "hour" },
    })) as StickinessAnswer;
    expect(stickiness.series[0]?.counts.slice(0, 2).map(({ users }) => users)).toEqual([2, 1]);
    const lifecycle = (await call("lifecycle", {
      event: "$session_start",
      interval: "day",
    })) as LifecycleAnswer;
    // One of the three began a session the day before.
    expect([lifecycle.new, lifecycle.returning]).toEqual([[2], [1]]);
    const retention = (await call("retention", {
      ...{ from: "2026-10-04", period: "day", periods: 2 },
      ...{ target: { event: "$session_start" }, returning: { event: "$session_end" } },
    })) as RetentionAnswer;
    expect(retention.cohorts.map(({ size, returned }) => [size, ...returned])).toEqual([
      [1, 1, 1],
      [3, 3],
    ]);
  });

  it("end after the pause that the project says, from the next question on", async () => {
    const series = [{ event: "$session_start", label: "kept" }];
    expect((await ask({ series })).meta.cache).toBe("miss");
    expect((await ask({ series })).meta.cache).toBe("hit");
    const idle = (minutes: number) =>
      tier.postgres.query("UPDATE projects SET session_idle_minutes = $1 WHERE id = $2", [minutes, project]);
    await idle(31);
    const longer = await ask({ series });
    expect([longer.meta.cache, longer.series[0]?.total]).toEqual(["miss", 3]);
    await idle(19);
    expect((await ask({ series })).series[0]?.total).toBe(8);
    await idle(30);
    expect((await ask({ series })).series[0]?.total).toBe(4);
  });

  it("are other ones at once when events come late, though not on the day that is asked for", async () => {
    const series = [{ event: "$session_start", label: "late" }];
    expect((await ask({ series })).series[0]?.total).toBe(4);
    // Joins user 2's two sessions, and lets user 3's begin the day before.
    await tell([
      { user: 2, atMs: at("12:45:00") },
      { user: 1, atMs: at("08:45:00") },
    ]);
    expect((await ask({ series })).series[0]?.total).toBe(3);
    const lengths = [{ event: "$session_start", math: "max", property: "$session_duration" }];
    expect((await ask({ series: lengths })).series[0]?.total).toBe(3900);
    await tell([{ user: 3, atMs: at("00:30:00", 1) }]);
    const pages = [{ event: "$session_start", math: "sum", property: "$session_events" }];
    expect((await ask({ series: pages })).series[0]?.total).toBe(11);
  });

  it.each([
    ["funnel", { steps: [{ event: "$session_start" }, { event: "order" }] }, "steps[0].event"],
    [
      "funnel",
      { steps: [{ event: "a" }, { event: "b" }], exclusions: [{ event: "$session_end" }] },
      "exclusions[0].event",
    ],
    ["paths", { anchor: { event: "$session_start" } }, "anchor.event"],
  ])("are no steps of a %s", async (method, body, path) => {
    await expect(tier.call(method, { ...range, ...body }, project)).rejects.toMatchObject({
      code: "INVALID_QUERY",
      details: [{ path }],
    });
  });
});
