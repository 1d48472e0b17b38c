// A tracking plan decides what becomes of events that differ from it; nothing is lost, and what is replayed counts
// once, through kills of the workers and replays at the same time.
import { afterAll, beforeAll, expect, test } from "vitest";
import { ask, query } from "./ask.ts";
import { Installation, kill, sleep } from "./installation.ts";

const visibleMsMax = 60_000;
const order = {
  type: "object",
  required: ["price"],
  properties: { price: { type: "number" }, country: { type: "string", pattern: "^[A-Z]{2}$" } },
};

let installation: Installation;

beforeAll(async () => {
  installation = await Installation.create();
  installation.start();
  await installation.ready();
});

afterAll(async () => {
  await installation.destroy();
});

function killWorkers(): void {
  const workers = installation.processes().filter(({ command }) => command.endsWith("millrace.ts workers"));
  expect(workers.length).toBeGreaterThan(0);
  for (const { pid } of workers) kill(pid);
}

async function send(events: object[]): Promise<{ status: number; body: unknown }> {
  return ask(installation, "write", "POST", "/v1/events", { batch: events });
}

async function putPlan(event: string, mode: string, schema: object = order): Promise<void> {
  const { status, body } = await ask(installation, "admin", "PUT", `/v1/schemas/${event}`, { schema, mode });
  expect({ status, body }).toMatchObject({ status: 200, body: { event, mode } });
}

async function countOf(event: string): Promise<number> {
  const answer = await query<{ series: { total: number }[] }>(installation, "trends", {
    series: [{ event, math: "total" }],
  });
  return answer.series[0]?.total ?? 0;
}

interface Page {
  events: { event_id: string; code: string; message: string; payload: Record<string, unknown> }[];
  next: string | null;
}

async function quarantined(event: string): Promise<Page["events"]> {
  const events: Page["events"] = [];
  for (let cursor = ""; ;) {
    const path = `/v1/quarantine?event=${event}&limit=70${cursor === "" ? "" : `&cursor=${cursor}`}`;
    const { status, body } = await ask(installation, "read", "GET", path);
    expect(status).toBe(200);
    const page = body as Page;
    events.push(...page.events);
    if (page.next === null) return events;
    cursor = page.next;
  }
}

/** The plan is known to every worker: an event that breaks it is kept aside. */
async function untilInForce(event: string): Promise<void> {
  await expect
    .poll(
      async () => {
        const id = `probe-${event}-${Math.random()}`;
        await send([{ event, user_id: "probe", event_id: id, properties: {} }]);
        for (;;) {
          const { body } = await ask(installation, "read", "GET", `/v1/events/${id}`);
          const { status } = body as { status: string };
          if (status !== "pending" && status !== undefined) return status;
          await sleep(100);
        }
      },
      { timeout: visibleMsMax },
    )
    .toBe("quarantined");
  await ask(installation, "admin", "DELETE", `/v1/quarantine?event=${event}`);
}

test("versions, and a change that would break readers", async () => {
  await putPlan("versioned", "observe");
  const wider = { ...order, properties: { ...order.properties, size: { type: "integer" } } };
  const put = (body: object) => ask(installation, "admin", "PUT", "/v1/schemas/versioned", body);
  expect(await put({ schema: wider })).toMatchObject({ status: 200, body: { version: 2, mode: "observe" } });
  expect(await put({ schema: wider, mode: "quarantine" })).toMatchObject({ body: { version: 2 } });
  const breaking = { ...wider, required: ["price", "size"] };
  expect(await put({ schema: breaking })).toMatchObject({
    status: 409,
    body: { error: { code: "SCHEMA_INCOMPATIBLE", details: [{ version: 2, compatibility: "backward" }] } },
  });
  expect(await put({ schema: breaking, compatibility: "none" })).toMatchObject({ body: { version: 3 } });
  const { body } = await ask(installation, "read", "GET", "/v1/schemas/versioned/versions");
  expect((body as { versions: { version: number; avro: object }[] }).versions).toMatchObject([
    { version: 3, avro: { type: "record" } },
    { version: 2, mode: "quarantine" },
    { version: 1 },
  ]);
  expect(await put({ schema: { type: "array" } })).toMatchObject({
    status: 400,
    body: { error: { code: "SCHEMA_INVALID" } },
  });
  expect(await ask(installation, "admin", "DELETE", "/v1/schemas/versioned")).toMatchObject({ status: 200 });
  expect(await ask(installation, "read", "GET", "/v1/schemas/versioned")).toMatchObject({
    status: 404,
    body: { error: { code: "SCHEMA_NOT_FOUND" } },
  });
});

test("observe counts what differs, and keeps nothing aside", { timeout: 120_000 }, async () => {
  await putPlan("observed", "observe");
  await expect
    .poll(
      async () => {
        await send([{ event: "observed", user_id: "u", properties: { price: "1", country: "nl" } }]);
        const { body } = await ask(installation, "read", "GET", "/v1/schemas/observed/violations");
        return (body as { total: number }).total;
      },
      { timeout: visibleMsMax, interval: 1_000 },
    )
    .toBeGreaterThan(0);
  const { body } = await ask(installation, "read", "GET", "/v1/schemas/observed/violations");
  const rules = (body as { violations: { path: string; rule: string }[] }).violations;
  expect(rules.map(({ path, rule }) => `${path} ${rule}`).sort()).toEqual([
    "properties.country pattern",
    "properties.price type",
  ]);
  expect(await quarantined("observed")).toEqual([]);

  // What its sender repeats is no further violation, in one batch or later.
  const missing = async (): Promise<number> => {
    const answer = await ask(installation, "read", "GET", "/v1/schemas/observed/violations");
    const { violations } = answer.body as { violations: { rule: string; events: number }[] };
    return violations.find(({ rule }) => rule === "required")?.events ?? 0;
  };
  const bad = { event: "observed", user_id: "u", event_id: "observed-once", properties: {} };
  await send([bad, bad]);
  await expect.poll(missing, { timeout: visibleMsMax }).toBe(1);
  await send([bad]);
  await send([{ event: "observed", user_id: "u", properties: {} }]);
  await expect.poll(missing, { timeout: visibleMsMax }).toBe(2);
});

test("reject answers the sender, and its good neighbours come in", { timeout: 120_000 }, async () => {
  await putPlan("rejected", "reject");
  const bad = { event: "rejected", user_id: "u", event_id: "bad", properties: {} };
  await expect.poll(async () => (await send([bad])).status, { timeout: visibleMsMax }).toBe(400);
  expect(await send([bad, { ...bad, event_id: "good", properties: { price: 2 } }])).toMatchObject({
    status: 202,
    body: {
      accepted: 1,
      rejected: [
        { index: 0, event_id: "bad", code: "PLAN_VIOLATED", message: "`properties.price` is required" },
      ],
    },
  });
  await expect.poll(() => countOf("rejected"), { timeout: visibleMsMax }).toBe(1);
  // Those that the edge refused are counted, too.
  await send(Array.from({ length: 5 }, () => ({ ...bad, properties: { price: "1" } })));
  await expect
    .poll(
      async () => {
        const answer = await ask(installation, "read", "GET", "/v1/schemas/rejected/violations");
        return (answer.body as { violations: { rule: string; mode: string; events: number }[] }).violations;
      },
      { timeout: visibleMsMax },
    )
    .toContainEqual(expect.objectContaining({ rule: "type", mode: "reject", events: 5 }));
});

test(
  "what is kept aside is listed once, and replayed once, through kills and at the same time",
  { timeout: 300_000 },
  async () => {
    await putPlan("kept_aside", "quarantine");
    await untilInForce("kept_aside");
    const batch = Array.from({ length: 300 }, (_, index) => ({
      event: "kept_aside",
      user_id: `u${index}`,
      event_id: `order-${index}`,
      properties: index % 3 === 0 ? { price: index } : { price: String(index), country: "NL" },
    }));
    const bad = 200;
    await send(batch);
    // Senders repeat, and workers die.
    killWorkers();
    await send(batch);
    await expect
      .poll(() => quarantined("kept_aside").then((events) => events.length), { timeout: visibleMsMax })
      .toBe(bad);
    await expect.poll(() => countOf("kept_aside"), { timeout: visibleMsMax }).toBe(300 - bad);
    const [first] = await quarantined("kept_aside");
    expect(first).toMatchObject({
      code: "PLAN_VIOLATED",
      message: "`properties.price` must be number",
      payload: { event: "kept_aside", properties: { country: "NL" } },
    });
    expect(await ask(installation, "read", "GET", "/v1/events/order-1")).toMatchObject({
      body: { status: "quarantined", reason: "PLAN_VIOLATED" },
    });

    // As they are they stay aside, whatever is done.
    const replay = (body: object) => ask(installation, "admin", "POST", "/v1/quarantine/replay", body);
    expect(await replay({ event: "kept_aside" })).toMatchObject({ status: 200, body: { replayed: bad } });
    await expect
      .poll(() => quarantined("kept_aside").then((events) => events.length), { timeout: visibleMsMax })
      .toBe(bad);

    const patched = { event: "kept_aside", patch: { properties: { price: 7, country: null } } };
    const replays = [replay(patched), replay(patched), replay(patched)];
    killWorkers();
    for (const { status } of await Promise.all(replays)) expect(status).toBe(200);
    await expect.poll(() => countOf("kept_aside"), { timeout: visibleMsMax }).toBe(300);
    await replay(patched);
    await send([{ event: "after", user_id: "u" }]);
    await expect.poll(() => countOf("after"), { timeout: visibleMsMax }).toBe(1);
    expect(await countOf("kept_aside")).toBe(300);
    expect(await quarantined("kept_aside")).toEqual([]);
    expect(await ask(installation, "read", "GET", "/v1/events/order-1")).toMatchObject({
      body: { status: "stored" },
    });
    const sums = await query<{ series: { total: number }[] }>(installation, "trends", {
      series: [
        {
          event: "kept_aside",
          math: "sum",
          property: "price",
          filters: [{ property: "price", operator: "eq", value: 7 }],
        },
      ],
    });
    expect(sums.series[0]?.total).toBe(bad * 7);
  },
);

test("what is deleted is gone, and comes back only when it is sent again", { timeout: 120_000 }, async () => {
  await putPlan("given_up", "quarantine");
  await untilInForce("given_up");
  const bad = { event: "given_up", user_id: "u", event_id: "given-up", properties: {} };
  await send([bad]);
  await expect
    .poll(() => quarantined("given_up").then((events) => events.length), { timeout: visibleMsMax })
    .toBe(1);
  expect(await ask(installation, "admin", "DELETE", "/v1/quarantine?event=given_up")).toMatchObject({
    status: 200,
    body: { deleted: 1, left: false },
  });
  expect(await quarantined("given_up")).toEqual([]);
  await send([bad]);
  await expect
    .poll(() => quarantined("given_up").then((events) => events.length), { timeout: visibleMsMax })
    .toBe(1);
});

test("pages end before they are too large, and all of them are replayed", { timeout: 180_000 }, async () => {
  await putPlan("large", "quarantine");
  await untilInForce("large");
  const total = 400;
  for (let from = 0; from < total; from += 100) {
    const events = Array.from({ length: 100 }, (_, index) => ({
      event: "large",
      user_id: `u${from + index}`,
      event_id: `large-${from + index}`,
      properties: { text: "x".repeat(30_000) },
    }));
    expect(await send(events)).toMatchObject({ status: 202, body: { accepted: 100 } });
  }
  const ids = new Set<string>();
  let pages = 0;
  await expect
    .poll(
      async () => {
        ids.clear();
        pages = 0;
        for (let cursor: string | null = ""; cursor !== null; pages += 1) {
          const path: string = `/v1/quarantine?event=large&limit=1000${cursor === "" ? "" : `&cursor=${cursor}`}`;
          const { status, body } = await ask(installation, "read", "GET", path);
          expect(status).toBe(200);
          for (const { event_id: id } of (body as Page).events) ids.add(id);
          cursor = (body as Page).next;
        }
        return ids.size;
      },
      { timeout: visibleMsMax },
    )
    .toBe(total);
  expect(pages).toBeGreaterThan(1);
  const replayed = await ask(installation, "admin", "POST", "/v1/quarantine/replay", {
    event: "large",
    patch: { properties: { price: 1 } },
  });
  expect(replayed).toMatchObject({ status: 200, body: { replayed: total, rejected: [], left: false } });
  await expect.poll(() => countOf("large"), { timeout: visibleMsMax }).toBe(total);
  expect(await quarantined("large")).toEqual([]);
});
