// Saved insights answer what the same queries answer, through late events, joined ids and a kill of everything; a
// dashboard answers them together; an alert tells its webhook once, signed.
import { createHmac } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ask, query } from "./ask.ts";
import { waitForTotal } from "./exactness.ts";
import { Installation, sleep } from "./installation.ts";

const dayMs = 86_400_000;
const secret = "a secret of the receiver";
const users = 40;
const days = 20;

interface Received {
  readonly signature: string;
  readonly body: string;
}

describe("what is saved stays exact", () => {
  let installation: Installation;
  let receiver: Server;
  const received: Received[] = [];
  const todayMs = Math.floor(Date.now() / dayMs) * dayMs;
  const everything = { from: new Date(todayMs - 60 * dayMs).toISOString() };
  let sent = 0;

  beforeAll(async () => {
    receiver = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        received.push({
          signature: String(request.headers["millrace-signature"]),
          body: Buffer.concat(chunks).toString(),
        });
        response.end();
      });
    });
    await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
    installation = await Installation.create();
    installation.start();
    await installation.ready();
  });
  afterAll(async () => {
    receiver?.close();
    await installation?.destroy();
  });

  async function send(events: object[]): Promise<void> {
    const { status, body } = await ask(installation, "write", "POST", "/v1/events", events);
    expect(status, JSON.stringify(body)).toBe(202);
    sent += events.length;
    await waitForTotal(installation, sent, everything, 30_000);
  }

  const event = (name: string, user: number, day: number, hour: number): object => ({
    event: name,
    user_id: `u${user}`,
    timestamp: new Date(todayMs - day * dayMs + hour * 3_600_000).toISOString(),
    properties: { country: ["NL", "DE", "FR"][user % 3], revenue: (user * 7 + day) % 50 },
  });

  const saved = [
    {
      name: "from visit to order",
      kind: "funnel",
      query: { steps: [{ event: "visit" }, { event: "order" }], window_seconds: 3 * 86_400 },
      range: { days: 30 },
    },
    {
      name: "revenue of a country",
      kind: "trends",
      query: {
        interval: "day",
        series: [
          {
            event: "order",
            math: "sum",
            property: "revenue",
            filters: [{ property: "country", operator: "eq", value: "NL" }],
          },
        ],
      },
      range: { days: 30 },
    },
    {
      name: "who comes back",
      kind: "retention",
      query: { target: { event: "visit" }, returning: { event: "order" }, period: "day" },
      range: { days: 30 },
    },
  ];
  const ids: string[] = [];

  async function result(id: string): Promise<Record<string, unknown>> {
    const { status, body } = await ask(installation, "read", "GET", `/v1/insights/${id}/result`);
    expect(status, JSON.stringify(body)).toBe(200);
    return body as Record<string, unknown>;
  }

  /** The same query without anything saved, over the same days. */
  async function direct(index: number): Promise<object> {
    const { kind, query: body } = saved[index] as (typeof saved)[number];
    const range = { from: new Date(todayMs - 29 * dayMs).toISOString() };
    return query<object>(installation, kind, {
      ...body,
      ...range,
      ...(kind === "retention" ? { periods: 30 } : {}),
    });
  }

  async function expectSame(what: string): Promise<void> {
    for (const [index, id] of ids.entries()) {
      const answers = await Promise.all([result(id), direct(index)]);
      const [of, expected] = answers.map((answer) => withoutMeta(answer));
      expect(of, `${what}: ${saved[index]?.name}`).toEqual(expected);
    }
  }

  it("answers what the queries answer, from the first moment on", { timeout: 120_000 }, async () => {
    const events: object[] = [];
    for (let user = 0; user < users; user += 1) {
      for (let day = 1 + (user % 3); day <= days; day += 1 + (user % 5)) {
        events.push(event("visit", user, day, 8));
        if ((user + day) % 3 === 0) events.push(event("order", user, day - 1, 20));
      }
    }
    await send(events);
    for (const insight of saved) {
      const { status, body } = await ask(installation, "read", "POST", "/v1/insights", insight);
      expect(status, JSON.stringify(body)).toBe(201);
      ids.push((body as { id: string }).id);
    }
    await expectSame("at once");
    const funnel = await result(ids[0] as string);
    expect((funnel["steps"] as { count: number }[])[1]?.count).toBeGreaterThan(5);
    expect(funnel["insight"]).toMatchObject({ name: "from visit to order", kind: "funnel" });
  });

  it("also when it is kept, and events come late, and ids are joined", { timeout: 180_000 }, async () => {
    const deadline = Date.now() + 60_000;
    // Workers keep what has ended; until then answers come from rows.
    for (;;) {
      const { meta } = (await result(ids[0] as string)) as { meta: { source: string } };
      if (meta.source.includes("funnel_days")) break;
      expect(Date.now(), `still from ${meta.source}`).toBeLessThan(deadline);
      await sleep(1_000);
    }
    await expectSame("kept");

    await send([
      event("visit", 100, 15, 3),
      event("order", 100, 14, 3),
      event("order", 1, 12, 1),
      event("order", 2, 0, 0),
    ]);
    await expectSame("after late events");
    const { status } = await ask(installation, "admin", "POST", "/v1/users/u1/merge", { ids: ["u2", "u3"] });
    expect(status).toBe(200);
    await expectSame("after a merge");
  });

  it("also after a kill of everything", { timeout: 120_000 }, async () => {
    installation.killAll();
    while (installation.processes().length > 0) await sleep(100);
    installation.start();
    await installation.ready();
    await expectSame("after a kill");
    await send([event("visit", 101, 10, 3), event("order", 101, 10, 4)]);
    await expectSame("and a late event");
  });

  it("answers all tiles of a dashboard in one round trip", { timeout: 60_000 }, async () => {
    const made = await ask(installation, "read", "POST", "/v1/dashboards", { name: "shop", insights: ids });
    expect(made.status).toBe(201);
    const { id } = made.body as { id: string };
    const answered = await ask(installation, "read", "GET", `/v1/dashboards/${id}/result`);
    expect(answered.status).toBe(200);
    const { tiles } = answered.body as { tiles: { insight_id: string; result: object }[] };
    expect(tiles.map(({ insight_id: insight }) => insight)).toEqual(ids);
    for (const [index, tile] of tiles.entries()) {
      expect(withoutMeta(tile.result)).toEqual(withoutMeta(await direct(index)));
    }
    const missing = await ask(installation, "read", "GET", "/v1/dashboards/none/result");
    expect(missing).toMatchObject({ status: 404, body: { error: { code: "DASHBOARD_NOT_FOUND" } } });
  });

  it("tells a webhook of an alert, once and signed", { timeout: 240_000 }, async () => {
    const { port } = receiver.address() as AddressInfo;
    const made = await ask(installation, "admin", "POST", "/v1/alerts", {
      name: "alarms",
      query: { interval: "minute", series: [{ event: "alarm" }] },
      rule: { type: "threshold", operator: "gte", value: 2 },
      grace_seconds: 0,
      destinations: [{ type: "webhook", url: `http://127.0.0.1:${port}/hook`, secret }],
    });
    expect(made.status, JSON.stringify(made.body)).toBe(201);
    const alarm = { event: "alarm", user_id: "u1" };
    const { status } = await ask(installation, "write", "POST", "/v1/events", [alarm, alarm, alarm]);
    expect(status).toBe(202);
    const deadline = Date.now() + 150_000;
    const openings = (): Received[] => received.filter(({ body }) => body.includes("alarms"));
    while (openings().length === 0 && Date.now() < deadline) await sleep(500);
    const { signature, body } = openings()[0] as Received;
    const [, time, sum] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(signature) as unknown as [
      string,
      string,
      string,
    ];
    expect(createHmac("sha256", secret).update(`${time}.${body}`).digest("hex")).toBe(sum);
    await sleep(2_000);
    expect(openings()).toHaveLength(1);
    expect(JSON.stringify(made.body)).not.toContain(secret);
  });
});

function withoutMeta(answer: object): object {
  const { meta: _meta, insight: _insight, ...rest } = answer as Record<string, unknown>;
  return rest;
}
