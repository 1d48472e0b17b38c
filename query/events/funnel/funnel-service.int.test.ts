// Funnels through the service: what is asked over the log's server, answered from both stores.
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { FunnelAnswer, FunnelUsersAnswer } from "#schemas/query/funnel.ts";
import { storeTime } from "../../testing/test-database.ts";
import { errorOf, startTestTier, type TestTier } from "../../testing/test-tier.ts";

const projectId = 31;
const base = Date.UTC(2026, 9, 24, 12);
const hourMs = 3_600_000;

let tier: TestTier;

/** `[event, hours after the base, user number, properties]` */
const events: readonly (readonly [string, number, number, object])[] = [
  ["visit", 0, 1, { country: "NL" }],
  ["order", 1, 1, { country: "DE" }],
  ["visit", 0, 2, { country: "DE" }],
  // Number 3 is an anonymous id of the person of number 2.
  ["order", 13, 3, {}],
  ["visit", 5, 4, {}],
  ["visit", 30, 5, { country: "NL" }],
  ["order", 31, 5, {}],
];

beforeAll(async () => {
  tier = await startTestTier(inject("servers").postgresUrl);
  await tier.database.insertEvents(
    events.map(([event, hours, user, properties], index) => ({
      project_id: projectId,
      event,
      timestamp: storeTime(base + hours * hourMs),
      user_number: user,
      event_id: `f${index}`,
      properties,
      received_at: storeTime(base),
    })),
  );
  for (const [number, key] of [
    [1, "u:ann"],
    [2, "u:ben"],
    [3, "a:phone of ben"],
    [4, "a:somebody"],
    [5, "u:eva"],
    [5, "a:eva before"],
  ] as const) {
    await tier.postgres.query(
      "INSERT INTO user_numbers (project_id, user_key, user_number, partition) VALUES ($1, $2, $3, 0)",
      [projectId, key, number],
    );
  }
  await tier.postgres.query("INSERT INTO user_persons VALUES ($1, 3, 2)", [projectId]);
  await tier.database.clickhouse.insert({
    table: "persons",
    values: [{ project_id: projectId, user_number: 3, person_number: 2, version: 1 }],
    format: "JSONEachRow",
  });
});

afterAll(() => tier.stop());

const query = {
  from: "2026-10-24",
  to: "2026-10-26",
  timezone: "Europe/Amsterdam",
  steps: [{ event: "visit" }, { event: "order" }],
};

async function ask(more: object = {}): Promise<FunnelAnswer> {
  return (await tier.call("funnel", { ...query, ...more }, projectId)) as FunnelAnswer;
}

async function askUsers(more: object): Promise<FunnelUsersAnswer> {
  return (await tier.call("funnel_users", { ...query, ...more }, projectId)) as FunnelUsersAnswer;
}

it("counts persons, whatever ids their events came with", async () => {
  const answer = await ask();
  expect(answer.steps).toEqual([
    { label: "visit", count: 4, rate_total: 1, rate_step: 1, avg_seconds: null, median_seconds: null },
    {
      label: "order",
      count: 3,
      rate_total: 0.75,
      rate_step: 0.75,
      avg_seconds: 5 * 3600,
      median_seconds: 3600,
    },
  ]);
  expect(answer.meta.exact).toBe(true);
  expect(answer.meta.source).toContain("steps_in_memory");
  // Seven events, and the days that said how many there are.
  expect(answer.meta.rows_read).toBeGreaterThanOrEqual(7);
  expect(answer).not.toHaveProperty("trend");
  expect(answer).not.toHaveProperty("breakdowns");
});

it("gives nobody a step when nobody came, and rates of 0", async () => {
  const answer = await ask({ steps: [{ event: "nothing" }, { event: "order" }] });
  expect(answer.steps).toEqual(
    ["nothing", "order"].map((label) => ({
      label,
      count: 0,
      rate_total: 0,
      rate_step: 0,
      avg_seconds: null,
      median_seconds: null,
    })),
  );
});

it("breaks down by the value on the first event; the parts add up", async () => {
  const answer = await ask({ breakdown: { property: "country", attribution: "first_touch" } });
  expect(answer.breakdowns?.map(({ value, steps }) => [value, ...steps.map(({ count }) => count)])).toEqual([
    ["NL", 2, 2],
    ["DE", 1, 1],
    ["$none", 1, 0],
  ]);
  expect(answer.meta.source).toBe("events");
});

it("adds up what is beyond the limit as $other", async () => {
  const answer = await ask({ breakdown: { property: "country", limit: 1 } });
  expect(answer.breakdowns?.map(({ value, steps }) => [value, ...steps.map(({ count }) => count)])).toEqual([
    ["NL", 2, 2],
    ["$other", 2, 1],
  ]);
});

it("has a bucket of local time for every interval of the range", async () => {
  const { trend } = await ask({ view: "trend", interval: "day" });
  // The 25th has 25 hours.
  expect(trend).toEqual([
    { bucket: "2026-10-23T22:00:00.000Z", entered: 3, converted: 2 },
    { bucket: "2026-10-24T22:00:00.000Z", entered: 1, converted: 1 },
    { bucket: "2026-10-25T23:00:00.000Z", entered: 0, converted: 0 },
  ]);
});

it("says how long conversions took", async () => {
  const { histogram, conversion } = await ask({ view: "time_to_convert", bins: 3 });
  expect(conversion).toEqual({ count: 3, avg_seconds: 18_000, median_seconds: 3600 });
  expect(histogram?.length).toBeLessThanOrEqual(3);
  expect(histogram?.reduce((sum, { count }) => sum + count, 0)).toBe(3);
});

it("counts in elapsed seconds, also across a change of the clock", async () => {
  // 13 hours lie between, 02:00 of which is lived twice.
  const count = async (seconds: number): Promise<number | undefined> =>
    (await ask({ window_seconds: seconds })).steps[1]?.count;
  expect(await count(13 * 3600)).toBe(3);
  expect(await count(13 * 3600 - 1)).toBe(2);
});

describe("people behind a step", () => {
  it("are those who reached it, by one of their user ids", async () => {
    expect(await askUsers({ step: 1 })).toMatchObject({ users: ["ann", "ben", "eva"], next: null });
  });

  it("are those who dropped out before it", async () => {
    expect(await askUsers({ step: 1, dropped: true })).toMatchObject({ users: ["somebody"], next: null });
  });

  it("come page by page", async () => {
    const first = await askUsers({ step: 0, limit: 3 });
    expect(first.users).toEqual(["ann", "ben", "somebody"]);
    const second = await askUsers({ step: 0, limit: 3, cursor: first.next });
    expect(second).toMatchObject({ users: ["eva"], next: null });
  });

  it("do not depend on how the funnel is shown", async () => {
    const shown = { view: "trend", breakdown: { property: "country" } };
    expect((await askUsers({ step: 1, ...shown })).users).toEqual(["ann", "ben", "eva"]);
  });
});

it("names a cohort that does not exist", async () => {
  const error = await errorOf(ask({ breakdown: { cohorts: ["nobody"] } }));
  expect(error).toMatchObject({ code: "INVALID_QUERY", details: [{ path: "breakdown.cohorts[0]" }] });
});

it("explains its statements", async () => {
  const answer = await ask({ explain: true, breakdown: { property: "country" } });
  const steps = (answer.explain as { step: string; store: string[] }[]).map(({ step }) => step);
  expect(steps).toEqual([
    "how many events there are each day",
    "how many events there are each day",
    "events of group 1 of 1",
    "values of the breakdown",
  ]);
});
