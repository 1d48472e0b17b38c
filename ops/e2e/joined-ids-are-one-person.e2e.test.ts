// Ids that were joined count as one person in every answer, for past events too, as soon as the join is answered;
// and as what they were again when it is undone.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ask, query } from "./ask.ts";
import { waitForTotal, type TrendsAnswer } from "./exactness.ts";
import { Installation } from "./installation.ts";

const range = { from: "2026-06-01", to: "2026-06-30" };

describe("joined ids are one person", () => {
  let installation: Installation;

  beforeAll(async () => {
    installation = await Installation.create();
    installation.start();
    await installation.ready();
  });
  afterAll(async () => {
    await installation.destroy();
  });

  async function send(...events: object[]): Promise<void> {
    const { status, body } = await ask(installation, "write", "POST", "/v1/events", events);
    expect(status, JSON.stringify(body)).toBe(202);
  }

  /** People over the range, people of each day added up, and who of them went from visit to order. */
  async function people(): Promise<number[]> {
    const trends = await query<TrendsAnswer>(installation, "trends", {
      ...range,
      interval: "day",
      series: [{ event: null, math: "unique_users" }],
    });
    const funnel = await query<{ steps: { count: number }[] }>(installation, "funnel", {
      ...range,
      steps: [{ event: "visit" }, { event: "order" }],
      window_seconds: 30 * 86_400,
    });
    const [series] = trends.series;
    return [
      series?.total ?? -1,
      (series?.values ?? []).reduce((sum, value) => sum + value, 0),
      ...funnel.steps.map((step) => step.count),
    ];
  }

  async function byPlan(): Promise<Record<string, number>> {
    const trends = await query<TrendsAnswer>(installation, "trends", {
      ...range,
      interval: "month",
      series: [{ event: null, math: "total" }],
      breakdown: { property: "plan", on: "user" },
    });
    return Object.fromEntries(trends.series.map((series) => [series.breakdown, series.total]));
  }

  const user = (method: "GET" | "POST", path: string, body?: object) =>
    ask(installation, "admin", method, `/v1/users/${path}`, body);

  it("by identify, by merge, and separated again", { timeout: 120_000 }, async () => {
    await send(
      { event: "visit", anonymous_id: "phone", timestamp: "2026-06-01T10:00:00Z" },
      { event: "visit", anonymous_id: "laptop", timestamp: "2026-06-01T11:00:00Z", $set: { plan: "free" } },
      {
        event: "order",
        user_id: "ann@example.com",
        timestamp: "2026-06-02T10:00:00Z",
        $set: { plan: "pro" },
      },
      { event: "order", user_id: "bob", timestamp: "2026-06-03T10:00:00Z" },
    );
    await waitForTotal(installation, 4, range, 30_000);
    expect(await people()).toEqual([4, 4, 2, 0]);
    expect(await byPlan()).toEqual({ $none: 2, free: 1, pro: 1 });

    await send({
      event: "identify",
      user_id: "ann@example.com",
      anonymous_id: "phone",
      timestamp: "2026-06-02T09:00:00Z",
      traits: { name: "Ann" },
    });
    await waitForTotal(installation, 5, range, 30_000);
    // No waiting beyond that: who sees the event sees the join.
    expect(await people()).toEqual([3, 4, 2, 1]);
    expect(await byPlan()).toEqual({ $none: 1, free: 1, pro: 3 });

    const merged = await user("POST", "ann%40example.com/merge", { ids: ["laptop", "bob", "later"] });
    expect(merged).toMatchObject({ status: 200, body: { id: "ann@example.com" } });
    const { ids } = merged.body as { ids: string[] };
    expect([ids[0], ids.toSorted()]).toEqual([
      "ann@example.com",
      ["ann@example.com", "bob", "laptop", "later", "phone"],
    ]);
    expect(await people()).toEqual([1, 3, 1, 1]);
    expect(await byPlan()).toEqual({ pro: 5 });

    await send({ event: "visit", anonymous_id: "later", timestamp: "2026-06-04T10:00:00Z" });
    await waitForTotal(installation, 6, range, 30_000);
    expect(await people()).toEqual([1, 4, 1, 1]);
    const profile = await user("GET", "later");
    expect(profile).toMatchObject({
      status: 200,
      body: {
        id: "ann@example.com",
        anonymous_ids: expect.arrayContaining(["phone", "laptop", "later"]) as string[],
        properties: { plan: "pro", name: "Ann" },
        first_seen: "2026-06-01T10:00:00.000Z",
        last_seen: "2026-06-04T10:00:00.000Z",
        event_count: 6,
      },
    });

    expect((await user("POST", "ann%40example.com/unmerge", { ids: ["laptop", "bob"] })).status).toBe(200);
    expect(await people()).toEqual([3, 5, 2, 1]);
    expect(await byPlan()).toEqual({ $none: 1, free: 1, pro: 4 });
    expect((await user("POST", "ann%40example.com/unmerge", {})).body).toEqual({
      id: "ann@example.com",
      ids: ["ann@example.com"],
    });
    expect(await people()).toEqual([5, 5, 3, 0]);
  });

  it("only for an admin key, with the field that is wrong", async () => {
    expect((await ask(installation, "read", "GET", "/v1/users/bob")).status).toBe(403);
    expect(await user("GET", "nobody")).toMatchObject({
      status: 404,
      body: { error: { code: "USER_NOT_FOUND" } },
    });
    expect(await user("POST", "bob/merge", { ids: [1] })).toMatchObject({
      status: 400,
      body: { error: { code: "INVALID_BODY", details: [{ path: "ids[0]" }] } },
    });
  });
});
