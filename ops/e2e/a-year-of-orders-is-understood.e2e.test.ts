// A real year of a real shop, asked in every way that there is, over HTTP. What is expected was published with the
// data or counted from it by a script of its own, never by this program.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ask, query } from "./ask.ts";
import { waitForTotal } from "./exactness.ts";
import { Installation } from "./installation.ts";
import { onlineRetailFile, onlineRetailPresent, readOrders, type OrderEvent } from "./online-retail.ts";

const batchEvents = 1_000;
const daySeconds = 86_400;
const range = { from: "2010-12-01", to: "2011-12-31" };
const order = { event: "order_placed" };
const cancel = { event: "order_cancelled" };

interface FunnelAnswer {
  steps: {
    count: number;
    rate_total: number;
    rate_step: number;
    avg_seconds: number | null;
    median_seconds: number | null;
  }[];
  breakdowns?: { value: string; steps: { count: number }[] }[];
  trend?: { bucket: string; entered: number; converted: number }[];
  histogram?: { from_seconds: number; to_seconds: number; count: number }[];
}
interface RetentionAnswer {
  cohorts: { start: string; size: number; returned: number[] }[];
  breakdowns?: { value: string; cohorts: { size: number; returned: number[] }[] }[];
}
interface TrendsAnswer {
  series: { label: string; breakdown: string | null; values: number[]; total: number }[];
}

if (!onlineRetailPresent) console.info(`skipped: ${onlineRetailFile} is not there`);

describe.skipIf(!onlineRetailPresent)("a year of orders is understood", () => {
  let installation: Installation;
  let orders: OrderEvent[];

  beforeAll(async () => {
    orders = await readOrders();
    installation = await Installation.create();
    installation.start();
    await installation.ready();
    // Late and out of order, as events of many devices are.
    for (const half of [
      orders.filter((_, index) => index % 2 === 1),
      orders.filter((_, index) => index % 2 === 0),
    ]) {
      for (let at = 0; at < half.length; at += batchEvents) {
        const batch = half.slice(at, at + batchEvents);
        const sent = await ask(installation, "write", "POST", "/v1/events", { batch });
        if (sent.status !== 202)
          throw new Error(`sending answered ${sent.status}: ${JSON.stringify(sent.body)}`);
      }
    }
    await waitForTotal(installation, orders.length, range, 60_000);
  }, 180_000);
  afterAll(() => installation.destroy());

  const funnel = (body: object): Promise<FunnelAnswer> =>
    query<FunnelAnswer>(installation, "funnel", { ...range, ...body });

  it.each([
    ["a cancellation within 30 days", [order, cancel], 30, 1392, 859_649.051724, 617_010],
    ["a second order within 30 days", [order, order], 30, 1703, 1_017_155.091016, 946_560],
    ["a cancellation within a year", [order, cancel], 366, 1508, 6_441_731.93634, 2_767_140],
    ["a second order within a year", [order, order], 366, 2845, 6_623_600.815466, 4_327_440],
  ])("funnel: %s", async (_name, steps, days, converted, avgSeconds, medianSeconds) => {
    const answer = await funnel({ steps, window_seconds: days * daySeconds });
    expect(answer.steps.map(({ count }) => count)).toEqual([4339, converted]);
    expect(answer.steps[1]?.rate_total).toBeCloseTo(converted / 4339, 9);
    expect(answer.steps[1]?.avg_seconds).toBeCloseTo(avgSeconds, 3);
    expect(answer.steps[1]?.median_seconds).toBe(medianSeconds);
  });

  it("funnel: broken down by the country of the first order", async () => {
    const answer = await funnel({
      steps: [order, order],
      window_seconds: 30 * daySeconds,
      breakdown: { property: "country", attribution: "first_touch", limit: 3 },
    });
    const counts = Object.fromEntries(
      (answer.breakdowns ?? []).map(({ value, steps }) => [value, steps.map(({ count }) => count)]),
    );
    expect(counts).toMatchObject({
      "United Kingdom": [3921, 1548],
      Germany: [94, 41],
      France: [87, 39],
    });
    const sum = (step: number): number =>
      Object.values(counts).reduce((total, each) => total + (each[step] ?? 0), 0);
    expect([sum(0), sum(1)]).toEqual([4339, 1703]);
  });

  it("funnel: by the month in which people set out", async () => {
    const answer = await funnel({
      steps: [order, order],
      window_seconds: 30 * daySeconds,
      view: "trend",
      interval: "month",
    });
    expect(answer.trend?.map(({ entered, converted }) => [entered, converted])).toEqual([
      [885, 310],
      [741, 251],
      [758, 241],
      [974, 308],
      [856, 267],
      [1056, 377],
      [991, 317],
      [949, 356],
      [935, 335],
      [1266, 425],
      [1364, 544],
      [1665, 689],
      [615, 106],
    ]);
  });

  it("funnel: the histogram holds everybody who converted, and the lists name everybody once", async () => {
    const body = { steps: [order, cancel], window_seconds: 30 * daySeconds };
    const { histogram } = await funnel({ ...body, view: "time_to_convert" });
    expect(histogram?.reduce((total, { count }) => total + count, 0)).toBe(1392);
    const list = async (dropped: boolean): Promise<string[]> => {
      const users: string[] = [];
      let cursor: string | null = null;
      do {
        const page: { users: string[]; next: string | null } = await query(installation, "funnel/users", {
          ...range,
          ...body,
          step: 1,
          dropped,
          limit: 500,
          ...(cursor === null ? {} : { cursor }),
        });
        users.push(...page.users);
        cursor = page.next;
      } while (cursor !== null);
      return users;
    };
    const [reached, dropped] = [await list(false), await list(true)];
    expect([reached.length, dropped.length]).toEqual([1392, 4339 - 1392]);
    expect(new Set([...reached, ...dropped])).toEqual(
      new Set(orders.filter(({ event }) => event === "order_placed").map((each) => each.user_id)),
    );
  });

  it("retention: the published table of monthly cohorts", async () => {
    const body = {
      from: "2010-12-01",
      target: order,
      returning: order,
      period: "month",
      periods: 13,
      type: "first_time",
    };
    const { cohorts } = await query<RetentionAnswer>(installation, "retention", body);
    expect(cohorts.map(({ returned }) => returned)).toEqual([
      [885, 324, 286, 340, 321, 352, 321, 309, 313, 350, 331, 445, 235],
      [417, 92, 111, 96, 134, 120, 103, 101, 125, 136, 152, 49],
      [380, 71, 71, 108, 103, 94, 96, 106, 94, 116, 26],
      [452, 68, 114, 90, 101, 76, 121, 104, 126, 39],
      [300, 64, 61, 63, 59, 68, 65, 78, 22],
      [284, 54, 49, 49, 59, 66, 75, 27],
      [242, 42, 38, 64, 56, 81, 23],
      [188, 34, 39, 42, 51, 21],
      [169, 35, 42, 41, 21],
      [299, 70, 90, 34],
      [358, 86, 41],
      [324, 36],
      [41],
    ]);
    const page = await query<{ users: { user: string; returned: number[] }[] }>(
      installation,
      "retention/users",
      { ...body, row: 12, limit: 100 },
    );
    expect(page.users).toHaveLength(41);
    expect(page.users.every(({ returned }) => returned[0] === 0)).toBe(true);
  });

  it("lifecycle and stickiness: people by month", async () => {
    const monthly = { ...range, to: "2011-12-31", interval: "month" };
    const life = await query<Record<"new" | "returning" | "resurrecting" | "dormant", number[]>>(
      installation,
      "lifecycle",
      { ...monthly, ...order },
    );
    expect(life.new).toEqual([885, 417, 380, 452, 300, 284, 242, 188, 169, 299, 358, 324, 41]);
    expect(life.returning).toEqual([0, 324, 262, 290, 304, 368, 410, 365, 388, 425, 489, 622, 371]);
    expect(life.resurrecting).toEqual([0, 0, 116, 232, 252, 404, 339, 396, 378, 542, 517, 719, 203]);
    expect(life.dormant.map((value) => value + 0)).toEqual([
      0, -561, -479, -468, -670, -488, -646, -626, -561, -510, -777, -742, -1294,
    ]);
    const sticky = await query<{
      series: { total: number; counts: { intervals: number; users: number; users_at_least: number }[] }[];
    }>(installation, "stickiness", { ...monthly, ...order });
    const { counts = [], total } = sticky.series[0] ?? {};
    expect(counts.map(({ users }) => users)).toEqual([
      1635, 917, 530, 380, 266, 171, 95, 87, 74, 59, 41, 40, 44,
    ]);
    expect([total, counts[0]?.users_at_least, counts[12]?.users_at_least]).toEqual([4339, 4339, 44]);
  });

  it("identity: a join changes the past at once, and undoing it restores it", async () => {
    const uniques = async (): Promise<number> =>
      (
        await query<TrendsAnswer>(installation, "trends", {
          ...range,
          interval: "month",
          series: [{ ...order, math: "unique_users" }],
        })
      ).series[0]?.total ?? 0;
    const ids = [
      ...new Set(orders.filter(({ event }) => event === "order_placed").map((each) => each.user_id)),
    ];
    const [person, ...others] = ids.slice(0, 4) as [string, ...string[]];
    expect(await uniques()).toBe(4339);
    const merged = await ask(installation, "admin", "POST", `/v1/users/${person}/merge`, { ids: others });
    expect(merged.status).toBe(200);
    expect(await uniques()).toBe(4336);
    const undone = await ask(installation, "admin", "POST", `/v1/users/${person}/unmerge`, { ids: others });
    expect(undone.status).toBe(200);
    expect(await uniques()).toBe(4339);
  });

  it("cohorts: people who ordered at least five times, as a list, a filter and a breakdown", async () => {
    const made = await ask(installation, "read", "POST", "/v1/cohorts", {
      name: "Regulars",
      definition: { did: { event: "order_placed", at_least: 5, from: "2010-12-01", to: "2011-12-31" } },
    });
    expect(made).toMatchObject({ status: 201, body: { name: "Regulars", size: 1115 } });
    const { id } = made.body as { id: string };
    const listed = await ask(installation, "read", "GET", "/v1/cohorts");
    expect(listed.body).toMatchObject({
      cohorts: [{ id, size: 1115, refreshed_at: expect.any(String) as string }],
    });
    const count = async (filters: object[]): Promise<number> =>
      (
        await query<TrendsAnswer>(installation, "trends", {
          ...range,
          interval: "month",
          filters,
          series: [{ ...order, math: "unique_users" }],
        })
      ).series[0]?.total ?? 0;
    expect(await count([{ cohort: id }])).toBe(1115);
    expect(await count([{ cohort: id, negate: true }])).toBe(4339 - 1115);
  });

  it("wrong questions are named, and no question is answered for another key", async () => {
    const wrong = await ask(installation, "read", "POST", "/v1/query/funnel", {
      steps: Array.from({ length: 100 }, () => order),
    });
    expect(wrong).toMatchObject({ status: 400, body: { error: { code: "INVALID_QUERY" } } });
    const unknown = await ask(installation, "read", "POST", "/v1/query/fennel", { steps: [order] });
    expect(unknown).toMatchObject({ status: 404, body: { error: { code: "NOT_FOUND" } } });
    const refused = await ask(installation, "write", "POST", "/v1/query/funnel", { steps: [order] });
    expect(refused).toMatchObject({ status: 403, body: { error: { code: "FORBIDDEN" } } });
  });
});
