// The orders of a real shop, a year of them, against tables that were counted by others and by a script of their own.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { onlineRetailFile, onlineRetailPresent, readOrders } from "#ops/e2e/online-retail.ts";
import { nobodyJoined } from "../../people/people.ts";
import type { QueryRun } from "../../store/query-run.ts";
import { runOn, storeOf } from "../../testing/run-query.ts";
import { createTestDatabase, storeTime, type TestDatabase } from "../../testing/test-database.ts";
import { answerLifecycle } from "../lifecycle/lifecycle.ts";
import { readLifecycleRequest } from "../lifecycle/request.ts";
import type { RollupTable } from "../plan-slices.ts";
import { readStickinessRequest } from "../stickiness/request.ts";
import { answerStickiness } from "../stickiness/stickiness.ts";
import { readRetentionRequest } from "./request.ts";
import { answerRetention } from "./retention.ts";

const projectId = 1;
const nowMs = Date.UTC(2012, 0, 1);
const order = { event: "order_placed" };
const insertRows = 5000;

if (!onlineRetailPresent) console.info(`skipped: ${onlineRetailFile} is not there`);

describe.skipIf(!onlineRetailPresent)("a year of orders", () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await createTestDatabase();
    const orders = await readOrders();
    const numbers = new Map<string, number>();
    const rows = orders.map(({ event, user_id, event_id, timestamp, properties }) => {
      const user_number = numbers.get(user_id) ?? numbers.size;
      numbers.set(user_id, user_number);
      const at = storeTime(Date.parse(timestamp));
      return {
        project_id: projectId,
        event,
        timestamp: at,
        user_number,
        event_id,
        user_id,
        properties,
        received_at: at,
      };
    });
    for (let start = 0; start < rows.length; start += insertRows) {
      await database.insertEvents(rows.slice(start, start + insertRows));
    }
  }, 120_000);

  afterAll(() => database.drop());

  const run = (): QueryRun => runOn(storeOf(database), projectId, nobodyJoined);
  const monthly = { from: "2010-12-01", target: order, period: "month", periods: 13 };
  const plans: { tables: string; rollups: readonly RollupTable[] | undefined }[] = [
    { tables: "days", rollups: undefined },
    { tables: "hours", rollups: ["rollup_hour"] },
    { tables: "steps", rollups: [] },
  ];

  it.each(plans)("first orders by month, and when people came back, from $tables", async ({ rollups }) => {
    const request = readRetentionRequest({ ...monthly, type: "first_time" }, nowMs);
    const { cohorts } = await answerRetention(request, run(), { rollups });
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
  });

  it("people with an order in each month", async () => {
    const { cohorts } = await answerRetention(readRetentionRequest(monthly, nowMs), run());
    expect(cohorts.map(({ size }) => size)).toEqual([
      885, 741, 758, 974, 856, 1056, 991, 949, 935, 1266, 1364, 1665, 615,
    ]);
  });

  it("countries add up to everybody", async () => {
    const breakdown = { property: "country", limit: 3 };
    const request = readRetentionRequest({ ...monthly, type: "first_time", breakdown }, nowMs);
    const { cohorts, breakdowns = [] } = await answerRetention(request, run());
    expect(breakdowns.map(({ value }) => value)).toEqual(["United Kingdom", "Germany", "France", "$other"]);
    const people = breakdowns.map((table) => table.cohorts.reduce((sum, { size }) => sum + size, 0));
    expect(people.slice(0, 3)).toEqual([3921, 94, 87]);
    expect(people.reduce((sum, count) => sum + count, 0)).toBe(4339);
    expect(cohorts[0]?.returned.slice(0, 3)).toEqual([885, 324, 286]);
  });

  it("everybody is new once, and stays, comes back or leaves", async () => {
    const query = { ...order, from: "2010-12-01", to: "2011-12-31", interval: "month" };
    const life = await answerLifecycle(readLifecycleRequest(query, nowMs), run());
    expect(life.new).toEqual([885, 417, 380, 452, 300, 284, 242, 188, 169, 299, 358, 324, 41]);
    expect(life.returning).toEqual([0, 324, 262, 290, 304, 368, 410, 365, 388, 425, 489, 622, 371]);
    expect(life.resurrecting).toEqual([0, 0, 116, 232, 252, 404, 339, 396, 378, 542, 517, 719, 203]);
    expect(life.dormant).toEqual([
      0, -561, -479, -468, -670, -488, -646, -626, -561, -510, -777, -742, -1294,
    ]);
    const { series } = await answerStickiness(readStickinessRequest(query, nowMs), run());
    expect(series[0]?.total).toBe(4339);
    // Months of all people together: the sizes of the rows above.
    expect(series[0]?.counts.reduce((sum, { intervals, users }) => sum + intervals * users, 0)).toBe(13_055);
  });
});
