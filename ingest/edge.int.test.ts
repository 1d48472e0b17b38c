import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startServers, type Servers } from "#ops/embedded/start-servers.ts";
import { createLogger } from "#ops/runtime/log.ts";
import { MillraceError } from "#schemas/errors.ts";
import { partitionOf } from "#schemas/hash.ts";
import { serve } from "#streams/services.ts";
import { publishStatus } from "#streams/status.ts";
import { readLog, startEdge, testKeys, type EdgeUnderTest } from "./testing/start-edge.ts";

const log = createLogger({ level: "error", name: "test" });
let dataDir: string;
let servers: Servers;
let edge: EdgeUnderTest;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "millrace-edge-"));
  servers = await startServers({ dataDir, parts: ["nats"] });
  edge = await startEdge(servers.natsUrl, { env: { MILLRACE_LAG_EVENTS_MAX: "1000" } });
});

afterAll(async () => {
  await edge.stop();
  await servers.stop();
  await rm(dataDir, { recursive: true, force: true });
});

interface Answer {
  status: number;
  headers: Headers;
  body: Record<string, unknown> & { error?: { code: string; details: unknown[] } };
}

interface Call extends Omit<RequestInit, "headers"> {
  key?: string;
  headers?: Record<string, string>;
}

async function call(path: string, init: Call = {}): Promise<Answer> {
  const { key, ...rest } = init;
  const headers = { ...(key === undefined ? {} : { authorization: `Bearer ${key}` }), ...rest.headers };
  const response = await fetch(edge.url + path, { ...rest, headers });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: (text === "" ? {} : JSON.parse(text)) as Answer["body"],
  };
}

function send(body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}): Promise<Answer> {
  return call("/v1/events", {
    method: "POST",
    key: testKeys.write,
    body,
    headers: { "content-type": "application/json", ...headers },
  });
}

async function stored(prefix: string): Promise<string[]> {
  const events = await readLog(edge.connection);
  return events.map((event) => event.event_id).filter((id) => id.startsWith(prefix));
}

const event = (id: string, more: object = {}): object => ({
  event: "e",
  user_id: `u${id}`,
  event_id: id,
  ...more,
});

test("answers all four shapes once the log holds the events", async () => {
  const all = { accepted: 2, rejected: [] };
  const pair = (name: string): object[] => [event(`${name}1`), event(`${name}2`)];
  expect(await send(JSON.stringify(event("one")))).toMatchObject({ status: 202, body: { accepted: 1 } });
  expect(await send(JSON.stringify(pair("array")))).toMatchObject({ status: 202, body: all });
  expect(await send(JSON.stringify({ batch: pair("batch") }))).toMatchObject({ status: 202, body: all });
  const lines = pair("lines").map((each) => JSON.stringify(each));
  const ndjson = { "content-type": "application/x-ndjson" };
  expect(await send(lines.join("\n"), ndjson)).toMatchObject({ status: 202, body: all });
  const ids = ["one", "array1", "array2", "batch1", "batch2", "lines1", "lines2"];
  for (const id of ids) expect(await stored(id), id).toEqual([id]);
});

test("an event lies in its user's partition with all it was sent with", async () => {
  const sent = {
    event: "order_placed",
    user_id: "partition-user",
    anonymous_id: "a9",
    session_id: "s1",
    event_id: "partition-1",
    timestamp: "2020-01-02T03:04:05.678Z",
    properties: { revenue: 12.5, text: "ü€😀" },
    context: { page: { url: "http://x/" } },
  };
  const browser = "Mozilla/5.0 (X11; Linux x86_64)";
  await send(JSON.stringify(sent), { "user-agent": browser });
  const found = (await readLog(edge.connection)).find((each) => each.event_id === "partition-1");
  expect(found).toMatchObject({
    project_id: 1,
    event: sent.event,
    user_id: sent.user_id,
    anonymous_id: sent.anonymous_id,
    session_id: sent.session_id,
    timestamp: Date.UTC(2020, 0, 2, 3, 4, 5, 678),
    user_agent: browser,
  });
  expect(JSON.parse(found?.properties ?? "")).toEqual(sent.properties);
  expect(JSON.parse(found?.context ?? "")).toEqual(sent.context);
  expect(partitionOf(1, "u:partition-user", 8)).toBeGreaterThanOrEqual(0);
});

test("one bad event never rejects its neighbours", async () => {
  const answer = await send(JSON.stringify([event("n1"), { event: "e", event_id: "bad" }, event("n2"), 7]));
  expect(answer.status).toBe(202);
  expect(answer.body).toEqual({
    accepted: 2,
    rejected: [
      { index: 1, event_id: "bad", code: "USER_MISSING", message: expect.any(String) as string },
      { index: 3, code: "EVENT_NOT_AN_OBJECT", message: expect.any(String) as string },
    ],
  });
  expect(await stored("n")).toEqual(expect.arrayContaining(["n1", "n2"]));
  expect(await stored("bad")).toEqual([]);
});

test("nothing accepted is 400 with the same body", async () => {
  const answer = await send(JSON.stringify([{ event: "e" }]));
  expect(answer).toMatchObject({ status: 400, body: { accepted: 0, error: { code: "NO_EVENT_ACCEPTED" } } });
  expect(answer.body["rejected"]).toEqual([
    { index: 0, code: "USER_MISSING", message: expect.any(String) as string },
  ]);
});

const compressions = [
  { name: "gzip", header: "gzip", run: gzipSync },
  { name: "br", header: "br", run: brotliCompressSync },
  { name: "deflate", header: "deflate", run: deflateSync },
  { name: "raw deflate", header: "deflate", run: deflateRawSync },
];

test.each(compressions)("understands $name", async ({ name, header, run }) => {
  const body = new Uint8Array(run(Buffer.from(JSON.stringify(event(`z-${name}`)))));
  expect(await send(body, { "content-encoding": header })).toMatchObject({ status: 202 });
  expect(await stored(`z-${name}`)).toEqual([`z-${name}`]);
});

test("10,000 events in one request, and not one more", async () => {
  const list = Array.from({ length: 10_000 }, (_, index) => event(`many${index}`));
  expect(await send(JSON.stringify(list))).toMatchObject({ status: 202, body: { accepted: 10_000 } });
  expect((await stored("many")).length).toBe(10_000);
  const more = await send(JSON.stringify([...list, event("toomany")]));
  expect(more).toMatchObject({ status: 413, body: { error: { code: "TOO_MANY_EVENTS" } } });
  expect(await stored("toomany")).toEqual([]);
});

test("keys open only what their scope names", async () => {
  const post = (key: string | undefined, path: string): Promise<Answer> =>
    call(path, { method: "POST", body: "{}", ...(key === undefined ? {} : { key }) });
  expect(await post(undefined, "/v1/events")).toMatchObject({
    status: 401,
    body: { error: { code: "UNAUTHORIZED" } },
  });
  expect((await post(undefined, "/v1/events")).headers.get("www-authenticate")).toBe("Bearer");
  expect((await post("nobody", "/v1/events")).status).toBe(401);
  expect(await post(testKeys.read, "/v1/events")).toMatchObject({
    status: 403,
    body: { error: { code: "FORBIDDEN" } },
  });
  expect((await post(testKeys.admin, "/v1/events")).status).toBe(403);
  expect((await post(testKeys.write, "/v1/query/trends")).status).toBe(403);
  expect((await post(testKeys.read, "/v1/projects")).status).toBe(403);
  expect((await call("/v1/system", { key: testKeys.read })).status).toBe(403);
  expect((await call("/metrics", { key: testKeys.write })).status).toBe(403);
});

test("Basic with the key as user name ingests, and wrong keys are asked for once", async () => {
  const basic = `Basic ${Buffer.from(`${testKeys.write}:`).toString("base64")}`;
  const headers = { authorization: basic, "content-type": "application/json" };
  const answer = await call("/v1/events", { method: "POST", body: JSON.stringify(event("basic")), headers });
  expect(answer.status).toBe(202);
  const before = edge.lookups();
  for (let index = 0; index < 20; index += 1) {
    await call("/v1/events", { method: "POST", body: "{}", key: "wrong again" });
  }
  expect(edge.lookups() - before).toBe(1);
});

test("a limited project is told when to come back, and others are not disturbed", async () => {
  const answers: Answer[] = [];
  for (let index = 0; index < 25; index += 1) {
    answers.push(
      await call("/v1/events", {
        method: "POST",
        key: testKeys.limited,
        body: JSON.stringify(event(`l${index}`)),
      }),
    );
  }
  const refused = answers.filter(({ status }) => status === 429);
  expect(refused.length).toBeGreaterThan(0);
  expect(refused[0]).toMatchObject({ body: { error: { code: "RATE_LIMITED" } } });
  const seconds = Number(refused[0]?.headers.get("retry-after"));
  expect(Number.isInteger(seconds) && seconds >= 1).toBe(true);
  expect((await send(JSON.stringify(event("other")))).status).toBe(202);
  await new Promise((resolve) => {
    setTimeout(resolve, seconds * 1000);
  });
  expect(
    (
      await call("/v1/events", {
        method: "POST",
        key: testKeys.limited,
        body: JSON.stringify(event("l-late")),
      })
    ).status,
  ).toBe(202);
});

test("every answer has a request id of its own; pages of any origin may send", async () => {
  const first = await send(JSON.stringify(event("cors1")));
  const second = await call("/no/where");
  expect(first.headers.get("x-request-id")).not.toBe(second.headers.get("x-request-id"));
  expect(first.headers.get("access-control-allow-origin")).toBe("*");
  const preflight = await call("/v1/events", {
    method: "OPTIONS",
    headers: { origin: "http://shop.example", "access-control-request-method": "POST" },
  });
  expect(preflight.status).toBe(204);
  expect(preflight.headers.get("access-control-allow-origin")).toBe("*");
  expect(preflight.headers.get("access-control-allow-headers")?.toLowerCase()).toContain("authorization");
  expect(preflight.headers.get("access-control-allow-credentials")).toBeNull();
  expect(second.headers.get("access-control-allow-origin")).toBeNull();
});

test("unknown addresses and methods are coded", async () => {
  expect(await call("/v1/nothing")).toMatchObject({ status: 404, body: { error: { code: "NOT_FOUND" } } });
  expect(await call("/v1/query/foo", { method: "POST", key: testKeys.read, body: "{}" })).toMatchObject({
    status: 404,
    body: { error: { code: "NOT_FOUND", message: expect.stringContaining("trends, ") as string } },
  });
  const wrong = await call("/v1/events", { method: "DELETE" });
  expect(wrong).toMatchObject({ status: 405, body: { error: { code: "METHOD_NOT_ALLOWED" } } });
  expect(wrong.headers.get("allow")).toContain("POST");
});

test("ready says what is missing, and becomes ready", async () => {
  const before = await call("/readyz");
  expect(before).toMatchObject({ status: 503, body: { error: { code: "SERVICE_UNAVAILABLE" } } });
  expect(before.body.error?.details).toEqual([{ missing: "workers" }, { missing: "query" }]);
  expect((await call("/healthz")).status).toBe(200);
  const read = (): { ready: boolean } => ({ ready: true });
  const workers = publishStatus(edge.connection, { tier: "workers", instance: "t1", read });
  const query = publishStatus(edge.connection, { tier: "query", instance: "t1", read });
  await edge.connection.flush();
  await expect.poll(async () => (await call("/readyz")).status).toBe(200);
  workers.stop();
  query.stop();
});

test("while the workers are too far behind, events are refused before their body", async () => {
  const lag = { pendingEvents: 5_000, lagMs: 0 };
  const workers = publishStatus(edge.connection, {
    tier: "workers",
    instance: "t2",
    read: () => ({ ready: true, partitions: [{ partition: 0, ...lag }] }),
  });
  await expect
    .poll(async () => (await send(JSON.stringify(event("behind")))).status, { timeout: 5_000 })
    .toBe(503);
  const answer = await send(JSON.stringify(event("behind")));
  expect(answer).toMatchObject({ status: 503, body: { error: { code: "BEHIND" } } });
  expect(Number(answer.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
  lag.pendingEvents = 0;
  await expect
    .poll(async () => (await send(JSON.stringify(event("again")))).status, { timeout: 5_000 })
    .toBe(202);
  workers.stop();
});

test("services get body, scope and trace, and their errors arrive as they are", async () => {
  const seen: unknown[] = [];
  const service = serve(edge.connection, {
    service: "query",
    log,
    methods: {
      trends: async (payload, { projectId, scope, traceparent, requestId }) => {
        seen.push({ body: new TextDecoder().decode(payload), projectId, scope, traceparent, requestId });
        return { series: [] };
      },
      receipt: async (payload) => {
        const { event_id: id } = JSON.parse(new TextDecoder().decode(payload)) as { event_id: string };
        if (id === "a/b c") return { state: "stored" };
        throw new MillraceError("EVENT_NOT_FOUND", { details: [{ id }] });
      },
    },
  });
  await edge.connection.flush();
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const trends = await call("/v1/query/trends", {
    method: "POST",
    key: testKeys.read,
    body: '{"series":[]}',
    headers: { traceparent },
  });
  expect(trends).toMatchObject({ status: 200, body: { series: [] } });
  const requestId = trends.headers.get("x-request-id");
  expect(seen).toEqual([{ body: '{"series":[]}', projectId: 1, scope: "read", traceparent, requestId }]);
  expect((await call("/v1/events/a%2Fb%20c", { key: testKeys.read })).body).toEqual({ state: "stored" });
  const missing = await call("/v1/events/none", { key: testKeys.read });
  expect(missing).toMatchObject({
    status: 404,
    body: { error: { code: "EVENT_NOT_FOUND", details: [{ id: "none" }] } },
  });
  await service.stop();
  const away = await call("/v1/query/trends", { method: "POST", key: testKeys.read, body: "{}" });
  expect(away).toMatchObject({ status: 503, body: { error: { code: "SERVICE_UNAVAILABLE" } } });
  expect(away.headers.get("retry-after")).toBe("1");
});

test("an export goes as fast as its reader, and stops when the reader leaves", async () => {
  const chunk = new Uint8Array(256 * 1024).fill(97);
  let written = 0;
  const left = Promise.withResolvers<void>();
  const service = serve(edge.connection, {
    service: "query",
    log,
    methods: {},
    streams: {
      export_events: async (payload, call_, sink) => {
        const { rows, format } = JSON.parse(new TextDecoder().decode(payload)) as {
          rows: string;
          format: string;
        };
        sink.start({ status: 200, headers: { "Content-Type": `text/${format}` } });
        call_.signal.addEventListener("abort", () => left.resolve());
        for (let index = 0; index < Number(rows); index += 1) {
          await sink.write(chunk);
          written += 1;
        }
      },
    },
  });
  await edge.connection.flush();
  const init = { headers: { authorization: `Bearer ${testKeys.read}` } };
  const whole = await fetch(`${edge.url}/v1/export/events?format=csv&rows=40`, init);
  expect(whole.headers.get("content-type")).toBe("text/csv");
  expect((await whole.arrayBuffer()).byteLength).toBe(40 * chunk.length);

  written = 0;
  const leaving = new AbortController();
  const endless = await fetch(`${edge.url}/v1/export/events?format=csv&rows=100000`, {
    ...init,
    signal: leaving.signal,
  });
  await endless.body?.getReader().read();
  await new Promise((resolve) => {
    setTimeout(resolve, 500);
  });
  const ahead = written;
  // Nobody reads on: the service is held back after what sockets and credits take.
  await new Promise((resolve) => {
    setTimeout(resolve, 300);
  });
  expect(written).toBe(ahead);
  expect(ahead).toBeLessThan(100);
  leaving.abort();
  await left.promise;
  await service.stop();
});

test("metrics of the edge are served to an admin", async () => {
  const response = await fetch(`${edge.url}/metrics`, {
    headers: { authorization: `Bearer ${testKeys.admin}` },
  });
  const text = await response.text();
  expect(response.headers.get("content-type")).toContain("text/plain");
  expect(text).toMatch(
    /millrace_ingest_requests_total\{method="POST",route="\/v1\/events",status="2xx",tier="ingest"/,
  );
  expect(text).toMatch(/millrace_ingest_events_rejected_total\{code="USER_MISSING"/);
  expect(text).toContain("millrace_ingest_commit_seconds_bucket");
});

test("the description is served", async () => {
  const document = await call("/openapi.json");
  expect(document.body["openapi"]).toBe("3.1.0");
  const page = await fetch(`${edge.url}/docs`);
  expect(page.headers.get("content-type")).toContain("text/html");
});

test("idle requests do not wait for others", async () => {
  const latencies: number[] = [];
  for (let index = 0; index < 50; index += 1) {
    const started = performance.now();
    await send(JSON.stringify(event(`idle${index}`)));
    latencies.push(performance.now() - started);
  }
  const median = latencies.toSorted((a, b) => a - b)[25] as number;
  console.log(`idle p50 ${median.toFixed(1)} ms`);
  // The goal is 5 ms; tests share the machine with others, a linger of tens of milliseconds would still show.
  expect(median).toBeLessThan(25);
});
