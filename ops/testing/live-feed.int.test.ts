// The live feed from the request to the listener, through the real edge, log, workers and stores: what is told was
// stored, each event once and in order, and events of others are never told.
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { start, type RunningIngest } from "#ingest/main.ts";
import { LiveListener } from "#ingest/testing/live-listener.ts";
import { callService } from "#streams/call-service.ts";
import { partitions, startBed, type Bed } from "#workers/testing/worker-processes.ts";
import { readConfig } from "../runtime/config.ts";
import { createLogger } from "../runtime/log.ts";

const keys = { write: "live_write", read: "live_read", admin: "live_admin" };
const settings = {
  MILLRACE_WRITE_KEY: keys.write,
  MILLRACE_READ_KEY: keys.read,
  MILLRACE_ADMIN_KEY: keys.admin,
};

let bed: Bed;
let edge: RunningIngest;
let url: string;
let dataDir: string;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "millrace-live-"));
  bed = await startBed();
  bed.startWorkers("live", settings);
  const config = readConfig({
    MILLRACE_NATS_URL: bed.servers.natsUrl,
    MILLRACE_PARTITIONS: String(partitions),
    MILLRACE_DATA_DIR: dataDir,
  });
  edge = await start({ ...config, port: 0 }, createLogger({ level: "error", name: "ingest" }));
  url = `http://127.0.0.1:${edge.port}`;
  const deadline = Date.now() + 30_000;
  // Keys are known once the workers answer.
  for (;;) {
    const headers = { authorization: `Bearer ${keys.write}` };
    const body = JSON.stringify({ event: "first", user_id: "u0" });
    const { status } = await fetch(`${url}/v1/events`, { method: "POST", headers, body });
    if (status === 202 || Date.now() > deadline) break;
    await sleep(200);
  }
}, 120_000);

afterAll(async () => {
  await edge?.stop();
  await bed?.close();
  await rm(dataDir, { recursive: true, force: true });
});

async function send(events: object[], key = keys.write): Promise<void> {
  const response = await fetch(`${url}/v1/events`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify(events),
  });
  expect(response.status).toBe(202);
}

const listen = async (query: string): Promise<LiveListener> =>
  (await LiveListener.stream(`${url}/v1/live?${query}`, { authorization: `Bearer ${keys.read}` })).opened();

const ids = (listener: LiveListener): string[] => listener.of("event").map(({ event_id: id }) => String(id));

test("what is told was stored, with what the pipeline adds, and can be asked for", async () => {
  const listener = await listen("event=bought");
  await send([
    { event: "looked", user_id: "u1", event_id: "a-0" },
    {
      event: "bought",
      user_id: "u1",
      event_id: "a-1",
      timestamp: "2026-03-01T10:00:00Z",
      properties: { price: 12.5, "a.b": [1, { c: "x\ny" }] },
      context: { page: { url: "https://a.example/?utm_source=s", referrer: "https://www.b.example/" } },
    },
  ]);
  const event = await listener.until(() => listener.of("event")[0]);
  expect(event).toMatchObject({
    event: "bought",
    event_id: "a-1",
    user_id: "u1",
    anonymous_id: null,
    timestamp: "2026-03-01T10:00:00.000Z",
    properties: { price: 12.5, "a.b": [1, { c: "x\ny" }] },
    context: { page: { url: "https://a.example/?utm_source=s", referrer: "https://www.b.example/" } },
    utm_source: "s",
    referrer_domain: "b.example",
    is_bot: false,
  });
  const stored = await bed.clickhouse.query({
    query: "SELECT log_partition || '-' || log_sequence AS at, session_id FROM events WHERE event_id = 'a-1'",
    format: "JSONEachRow",
  });
  const [row] = await stored.json<{ at: string; session_id: string }>();
  expect(String(event["id"]).startsWith(`${row?.at}-`)).toBe(true);
  expect(event["session_id"]).toBe(row?.session_id);
  listener.close();
});

test("each event once and in the order of its user, through streams and sockets, by event, user and property", async () => {
  const all = await listen("");
  const socket = await (await LiveListener.socket(`${url}/v1/live?user=u3`, { key: keys.read })).opened();
  const filters = JSON.stringify([{ property: "n", operator: "gte", value: 150 }]);
  const large = await (
    await LiveListener.stream(`${url}/v1/live?key=${keys.read}&filters=${encodeURIComponent(filters)}`)
  ).opened();
  const events = Array.from({ length: 300 }, (_, n) => ({
    event: "step",
    user_id: `u${n % 10}`,
    event_id: `b-${n}`,
    properties: { n },
  }));
  for (let from = 0; from < events.length; from += 30) {
    // Some are repeated: they are stored once, and told once.
    await send(events.slice(Math.max(0, from - 5), from + 30));
  }
  await all.until(() => all.of("event").length >= 300);
  await sleep(2_500);
  expect(ids(all).toSorted()).toEqual(events.map((each) => each.event_id).toSorted());
  for (let user = 0; user < 10; user += 1) {
    const own = all.of("event").filter((each) => each["user_id"] === `u${user}`);
    const order = own.map((each) => (each["properties"] as { n: number }).n);
    expect(order).toEqual(order.toSorted((a, b) => a - b));
  }
  expect(ids(socket).toSorted()).toEqual(
    events
      .filter((each) => each.user_id === "u3")
      .map((each) => each.event_id)
      .toSorted(),
  );
  expect(ids(large).toSorted()).toEqual(
    events
      .slice(150)
      .map((each) => each.event_id)
      .toSorted(),
  );
  for (const listener of [all, socket, large]) listener.close();
});

test("counters add up to what was stored", async () => {
  const listener = await listen("stream=counters");
  await send(
    Array.from({ length: 90 }, (_, n) => ({
      event: n % 3 === 0 ? "third" : "other",
      user_id: `c${n % 7}`,
      event_id: `c-${n}`,
    })),
  );
  const total = (name: string): number =>
    listener
      .of("counters")
      .flatMap((second) => second["by_event"] as { event: string; events: number; users: number }[])
      .filter(({ event }) => event === name)
      .reduce((sum, { events }) => sum + events, 0);
  await listener.until(() => total("third") === 30 && total("other") === 60);
  const most = Math.max(...listener.of("counters").map((second) => Number(second["users"])));
  expect(most).toBeGreaterThan(0);
  expect(most).toBeLessThanOrEqual(7);
  await sleep(1_500);
  expect([total("third"), total("other")]).toEqual([30, 60]);
  listener.close();
});

test("another project's listeners are told nothing of it, and a deleted project's listener is ended", async () => {
  const call = { requestId: "test", projectId: 1, scope: "admin", timeoutMs: 10_000 };
  const made = (await callService(bed.connection, "svc.projects.create", { name: "other" }, call)) as {
    id: string;
    keys: { write: string; read: string };
  };
  const other = await (
    await LiveListener.stream(`${url}/v1/live`, { authorization: `Bearer ${made.keys.read}` })
  ).opened();
  const own = await listen("event=mine");
  await send([{ event: "mine", user_id: "u1", event_id: "d-1" }]);
  await send([{ event: "mine", user_id: "u1", event_id: "d-2" }], made.keys.write);
  await own.until(() => own.of("event").length > 0);
  await other.until(() => other.of("event").length > 0);
  await sleep(1_500);
  expect(ids(own)).toEqual(["d-1"]);
  expect(ids(other)).toEqual(["d-2"]);
  await callService(bed.connection, "svc.projects.delete", { id: made.id }, call);
  await other.until(() => other.of("end").find(({ code }) => code === "UNAUTHORIZED"));
  own.close();
});

test(
  "workers that are killed and started again go on telling, each event at most once",
  { timeout: 90_000 },
  async () => {
    const second = bed.startWorkers("live-2", settings);
    const listener = await listen("event=survivor");
    let sent = 0;
    for (let round = 0; round < 3; round += 1) {
      for (let part = 0; part < 10; part += 1) {
        await send(
          Array.from({ length: 20 }, () => ({
            event: "survivor",
            user_id: `s${sent % 31}`,
            event_id: `s-${(sent += 1)}`,
          })),
        );
        await sleep(100);
      }
      if (round === 1) {
        second.kill("SIGKILL");
        await once(second, "exit");
      }
    }
    await send([{ event: "survivor", user_id: "s1", event_id: "s-last" }]);
    await listener.until(() => ids(listener).includes("s-last"));
    await sleep(8_000);
    const told = ids(listener);
    expect(new Set(told).size).toBe(told.length);
    expect(told.length).toBeGreaterThan(300);
    const stored = await bed.clickhouse.query({
      query: "SELECT uniqExact(event_id) AS ids FROM events WHERE event = 'survivor'",
      format: "JSONEachRow",
    });
    expect((await stored.json<{ ids: number }>())[0]).toEqual({ ids: sent + 1 });
    listener.close();
  },
);
