// A real year of a real shop: sent in batches, the first 5,000 orders twice, asked for at once; asked again
// after kill -9 of every process; then Ctrl-C, after which nothing may be left.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { queryTrends, waitForTotal } from "./exactness.ts";
import { Installation, sleep } from "./installation.ts";
import { onlineRetailFile, onlineRetailPresent, readOrders, type OrderEvent } from "./online-retail.ts";

const batchEvents = 500;
const repeatedOrders = 5_000;
const range = { from: "2010-12-01", to: "2011-12-31", interval: "month", timezone: "UTC" };
const visibleMsMax = 5_000;

if (!onlineRetailPresent) console.info(`skipped: ${onlineRetailFile} is not there`);

describe.skipIf(!onlineRetailPresent)("a year of orders gives the published figures", () => {
  let installation: Installation;
  let orders: OrderEvent[];

  beforeAll(async () => {
    orders = await readOrders();
    installation = await Installation.create();
    installation.start();
    await installation.ready();
  });
  afterAll(async () => {
    await installation.destroy();
  });

  async function send(batch: readonly OrderEvent[]): Promise<void> {
    const response = await fetch(`${installation.url}/v1/events`, {
      method: "POST",
      headers: { authorization: `Bearer ${installation.keys.write}`, "content-type": "application/json" },
      body: JSON.stringify({ batch }),
    });
    expect({ status: response.status, body: await response.json() }).toEqual({
      status: 202,
      body: { accepted: batch.length, rejected: [] },
    });
  }

  async function expectFigures(): Promise<void> {
    const answer = await queryTrends(installation, {
      ...range,
      series: [
        { event: "order_placed", math: "total", label: "orders" },
        { event: "order_placed", math: "unique_users", label: "customers" },
        { event: "order_placed", math: "sum", property: "revenue", label: "revenue" },
        { event: "order_placed", math: "median", property: "revenue", label: "median" },
        { event: "order_placed", math: "max", property: "revenue", label: "largest" },
        { event: "order_placed", math: "avg", property: "revenue", label: "average" },
        { event: "order_cancelled", math: "total", label: "cancellations" },
        { event: "order_cancelled", math: "unique_users", label: "cancellers" },
        { event: "order_cancelled", math: "sum", property: "revenue", label: "cancelled revenue" },
      ],
    });
    const totals = Object.fromEntries(answer.series.map((series) => [series.label, series.total]));
    expect(totals["orders"]).toBe(18_536);
    expect(totals["customers"]).toBe(4_339);
    expect(totals["revenue"]).toBeCloseTo(8_911_407.904, 2);
    expect(totals["median"]).toBeCloseTo(303.02, 1);
    expect(totals["largest"]).toBeCloseTo(168_469.6, 2);
    expect(totals["average"]).toBeCloseTo(480.7622, 3);
    expect(totals["cancellations"]).toBe(3_654);
    expect(totals["cancellers"]).toBe(1_589);
    expect(totals["cancelled revenue"]).toBeCloseTo(-611_342.09, 2);
    const byMonth = (label: string): number[] =>
      answer.series.find((series) => series.label === label)?.values ?? [];
    expect(byMonth("orders")).toEqual([
      1400, 987, 998, 1321, 1149, 1555, 1393, 1331, 1281, 1756, 1929, 2658, 778,
    ]);
    expect(byMonth("customers")).toEqual([
      885, 741, 758, 974, 856, 1056, 991, 949, 935, 1266, 1364, 1665, 615,
    ]);
  }

  it("within 5 s of the last acknowledgement, repeats counted once", { timeout: 120_000 }, async () => {
    expect(orders).toHaveLength(18_536 + 3_654);
    const sent = [...orders.slice(0, repeatedOrders), ...orders];
    for (let at = 0; at < sent.length; at += batchEvents) await send(sent.slice(at, at + batchEvents));
    const visibleMs = await waitForTotal(installation, orders.length, range, 60_000);
    console.info(`all orders visible ${visibleMs} ms after the last acknowledgement`);
    expect(visibleMs).toBeLessThan(visibleMsMax);
    await expectFigures();
  });

  it("again after kill -9 of every process and a new start", { timeout: 180_000 }, async () => {
    installation.killAll();
    await sleep(500);
    installation.start();
    await installation.ready();
    await waitForTotal(installation, orders.length, range, 60_000);
    await expectFigures();
    // What was sent before the kill is still remembered as sent.
    await send(orders.slice(0, batchEvents));
    await sleep(3_000);
    await expectFigures();
  });

  it("and Ctrl-C leaves no process", { timeout: 60_000 }, async () => {
    const startedAtMs = Date.now();
    await installation.interrupt();
    console.info(`stopped in ${Date.now() - startedAtMs} ms`);
    await sleep(200);
    expect(installation.processes()).toEqual([]);
  });
});
