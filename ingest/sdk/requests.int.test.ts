// The addresses of Segment's and PostHog's clients as requests: keys in all their places, what pages may read, every
// refusal in the form that the client understands, and hostile input on each of them.
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { isErrorCode } from "#schemas/errors.ts";
import { pathsOf } from "#schemas/operations/operation.ts";
import { sdkOperations } from "#schemas/operations/sdk.ts";
import { publishStatus } from "#streams/status.ts";
import { readLog, startEdge, testKeys, type EdgeUnderTest } from "../testing/start-edge.ts";

let edge: EdgeUnderTest;

beforeAll(async () => {
  edge = await startEdge(inject("servers").natsUrl, { env: { MILLRACE_LAG_EVENTS_MAX: "1000" } });
});

afterAll(() => edge.stop());

interface Answer {
  status: number;
  headers: Headers;
  text: string;
  code: string | undefined;
}

async function send(
  path: string,
  body?: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = {},
  method = body === undefined ? "GET" : "POST",
): Promise<Answer> {
  const response = await fetch(edge.url + path, { method, headers, ...(body === undefined ? {} : { body }) });
  const text = await response.text();
  let code: string | undefined;
  try {
    code = (JSON.parse(text) as { error?: { code?: string } }).error?.code;
  } catch {
    // Scripts and empty answers are no JSON.
  }
  return { status: response.status, headers: response.headers, text, code };
}

async function stored(prefix: string): Promise<string[]> {
  const events = await readLog(edge.connection);
  return events.map((event) => event.event_id).filter((id) => id.startsWith(prefix));
}

const basic = (key: string): string => `Basic ${Buffer.from(`${key}:`).toString("base64")}`;
const segment = (id: string, more: object = {}): string =>
  JSON.stringify({ userId: "u1", event: "e", messageId: id, ...more });
const capture = (id: string, more: object = {}): string =>
  JSON.stringify({ api_key: testKeys.write, event: "e", distinct_id: "d1", uuid: id, ...more });

test("Segment's key: Basic, the body, or the body beside an OAuth token", async () => {
  const key = { writeKey: testKeys.write };
  const all = [
    await send("/v1/track", segment("sk1"), { authorization: basic(testKeys.write) }),
    await send("/v1/t", segment("sk2", key), { "content-type": "text/plain" }),
    await send("/v1/track", segment("sk3", key), { authorization: "Bearer an.oauth.token" }),
    await send("/v1/track", segment("sk4"), { authorization: `Bearer ${testKeys.write}` }),
  ];
  expect(all.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  expect(JSON.parse(all[0]?.text ?? "")).toEqual({ success: true, accepted: 1, rejected: [] });
  expect(await stored("sk")).toEqual(["sk1", "sk2", "sk3", "sk4"]);
  expect(await send("/v1/track", segment("refused"))).toMatchObject({ status: 401, code: "UNAUTHORIZED" });
  expect(await send("/v1/track", segment("refused"), { authorization: basic(testKeys.read) })).toMatchObject({
    status: 403,
    code: "FORBIDDEN",
  });
  expect(await stored("refused")).toEqual([]);
});

test("Segment counts anything but a broken body as delivered, and says what became of each", async () => {
  const authorization = basic(testKeys.write);
  const batch = [{ type: "track", event: "e" }, { type: "page", userId: "u1", messageId: "v1" }, 7];
  const answer = await send("/v1/b", JSON.stringify({ batch }), { authorization });
  expect(answer.status).toBe(200);
  expect(JSON.parse(answer.text)).toMatchObject({
    success: true,
    accepted: 1,
    rejected: [
      { index: 0, code: "USER_MISSING" },
      { index: 2, code: "EVENT_NOT_AN_OBJECT" },
    ],
  });
  expect(await send("/v1/batch", "{", { authorization })).toMatchObject({
    status: 400,
    code: "MALFORMED_JSON",
  });
  expect(await send("/v1/batch", "", { authorization })).toMatchObject({ status: 400, code: "EMPTY_BODY" });
});

test("PostHog's token: everywhere it may stand, with and without the last slash, POST and GET", async () => {
  const token = testKeys.write;
  const bare = (id: string): object => ({ event: "e", distinct_id: "d1", uuid: id });
  const data = Buffer.from(capture("pk5")).toString("base64url");
  const all = [
    await send("/capture", capture("pk1")),
    await send("/e/", JSON.stringify([{ ...bare("pk2"), properties: { token } }])),
    await send("/batch/", JSON.stringify({ token, batch: [bare("pk3")] })),
    await send(`/i/v0/e/?token=${token}`, JSON.stringify(bare("pk4"))),
    await send(`/e?data=${data}&_=${Date.now()}`),
    await send("/track/", `data=${encodeURIComponent(capture("pk6"))}`, {
      "content-type": "application/x-www-form-urlencoded",
    }),
    await send("/engage", JSON.stringify({ token, distinct_id: "d1", uuid: "pk7", $set: { a: 1 } })),
    await send("/i/v0/ai/batch/", JSON.stringify({ api_key: token, batch: [bare("pk8")] })),
    await send("/e/?compression=gzip-js", new Uint8Array(gzipSync(capture("pk9"))), {
      "content-type": "text/plain",
    }),
  ];
  expect(all.map(({ status, text }) => `${status} ${text}`)).toEqual(all.map(() => '200 {"status":1}'));
  expect(await stored("pk")).toEqual(all.map((_, index) => `pk${index + 1}`));
  const engaged = (await readLog(edge.connection)).find(({ event_id }) => event_id === "pk7");
  expect(engaged).toMatchObject({ event: "$identify", properties: '{"$set":{"a":1}}' });
  expect(await send("/e/?beacon=1", capture("beacon"))).toMatchObject({ status: 204, text: "" });
  expect(await send("/e/", JSON.stringify(bare("refused")))).toMatchObject({
    status: 401,
    code: "UNAUTHORIZED",
  });
  const two = [
    { ...bare("refused"), token },
    { ...bare("refused"), token: "other" },
  ];
  expect(await send("/e/", JSON.stringify(two))).toMatchObject({ status: 401, code: "UNAUTHORIZED" });
});

test("PostHog hears of a request that holds nothing good, and of what is bad among the good", async () => {
  expect(await send("/e/", capture("bad", { distinct_id: "" }))).toMatchObject({
    status: 400,
    code: "NO_EVENT_ACCEPTED",
  });
  const batch = [
    { event: "e", distinct_id: "d1", uuid: "pg1" },
    { event: "e", distinct_id: "null" },
  ];
  const answer = await send("/batch", JSON.stringify({ api_key: testKeys.write, batch }));
  expect(answer.status).toBe(200);
  expect(JSON.parse(answer.text)).toMatchObject({
    status: 1,
    rejected: [{ index: 1, code: "USER_ID_INVALID" }],
  });
});

test("pages may read the answers, whatever headers their client sets", async () => {
  const origin = "https://shop.example";
  for (const path of ["/e/", "/batch", "/v1/t", "/flags/", "/array/k/config", "/i/v1/analytics/events"]) {
    const asked = "authorization,content-type,x-retry-count";
    const preflight = await send(
      path,
      undefined,
      { origin, "access-control-request-method": "POST", "access-control-request-headers": asked },
      "OPTIONS",
    );
    expect(preflight.status, path).toBe(204);
    expect(preflight.headers.get("access-control-allow-origin")).toBe(origin);
    expect(preflight.headers.get("access-control-allow-headers")).toBe(asked);
    const refused = await send(path, "{", { origin }, path.endsWith("config") ? "OPTIONS" : "POST");
    expect(refused.headers.get("access-control-allow-origin")).toBe(origin);
    expect(refused.headers.get("access-control-expose-headers")).toContain("Retry-After");
    expect(refused.headers.get("vary")).toBe("Origin");
  }
  const own = await send("/v1/events", "{}", { origin, authorization: `Bearer ${testKeys.write}` });
  expect(own.headers.get("access-control-allow-origin")).toBe("*");
  expect(own.headers.get("access-control-allow-credentials")).toBeNull();
  const elsewhere = await send("/healthz", undefined, { origin });
  expect(elsewhere.headers.get("access-control-allow-origin")).toBeNull();
});

test("Segment's browser client is sent to the host that it asked", async () => {
  const path = `/v1/projects/${testKeys.write}/settings`;
  const answer = await send(path);
  const host = new URL(edge.url).host;
  expect(JSON.parse(answer.text)).toMatchObject({
    integrations: { "Segment.io": { apiKey: testKeys.write, apiHost: `${host}/v1`, protocol: "http" } },
  });
  const secure = await send(path, undefined, { origin: "https://shop.example" });
  expect(JSON.parse(secure.text)).toMatchObject({ integrations: { "Segment.io": { protocol: "https" } } });
  expect(await send("/v1/projects/nobody/settings")).toMatchObject({ status: 401, code: "UNAUTHORIZED" });
});

test("PostHog's browser client learns that there is nothing more to load", async () => {
  const config = await send(`/array/${testKeys.write}/config`);
  expect(JSON.parse(config.text)).toMatchObject({ hasFeatureFlags: false, sessionRecording: false });
  const script = await send(`/array/${testKeys.write}/config.js`);
  expect(script.headers.get("content-type")).toBe("application/javascript");
  expect(script.text).toContain(`_POSTHOG_REMOTE_CONFIG["${testKeys.write}"]`);
  expect(await send("/array/nobody/config")).toMatchObject({ status: 401, code: "UNAUTHORIZED" });
  const flags = await send("/flags/?v=2", JSON.stringify({ token: testKeys.write, distinct_id: "d" }));
  expect(JSON.parse(flags.text)).toMatchObject({ flags: {}, errorsWhileComputingFlags: false });
  expect(await send("/decide/?v=3", JSON.stringify({ token: "x" }))).toMatchObject({ status: 401 });
  const definitions = await send(`/flags/definitions?token=${testKeys.write}&send_cohorts`);
  expect(JSON.parse(definitions.text)).toEqual({ flags: [], group_type_mapping: {}, cohorts: {} });
  expect(await send("/flags/definitions?token=nobody")).toMatchObject({ status: 401 });
  expect(await send("/s/", "anything")).toMatchObject({ status: 200, text: '{"status":1}' });
});

test("while the workers are behind, each client is told in the way that makes it wait", async () => {
  let pendingEvents = 5_000;
  const workers = publishStatus(edge.connection, {
    tier: "workers",
    instance: "sdk-behind",
    read: () => ({ ready: true, partitions: [{ partition: 0, pendingEvents, lagMs: 0 }] }),
  });
  const authorization = basic(testKeys.write);
  await expect.poll(async () => (await send("/e/", capture("behind"))).status, { timeout: 5_000 }).toBe(503);
  const told = await send("/v1/track", segment("behind"), { authorization });
  expect(told).toMatchObject({ status: 429, code: "RATE_LIMITED" });
  expect(Number(told.headers.get("retry-after"))).toBeGreaterThan(0);
  pendingEvents = 0;
  await expect
    .poll(async () => (await send("/v1/track", segment("after"), { authorization })).status, {
      timeout: 10_000,
    })
    .toBe(200);
  workers.stop();
});

test("a project's limit: 429 for servers, and 503 for pages, whose client drops what a 429 refuses", async () => {
  const batch = Array.from({ length: 10 }, () => ({ event: "e", distinct_id: "d1" }));
  const body = JSON.stringify({ api_key: testKeys.limited, batch });
  const until = async (status: number, headers: Record<string, string>): Promise<Answer> => {
    for (let round = 0; round < 50; round += 1) {
      const answer = await send("/batch/", body, headers);
      if (answer.status === status) return answer;
    }
    throw new Error(`never ${status}`);
  };
  const server = await until(429, {});
  expect(server.code).toBe("RATE_LIMITED");
  expect(Number(server.headers.get("retry-after"))).toBeGreaterThan(0);
  const page = await until(503, { origin: "https://shop.example" });
  expect(page.code).toBe("BEHIND");
  expect(Number(page.headers.get("retry-after"))).toBeGreaterThan(0);
});

test("random input on every address never crashes the edge, and every refusal has a code", async () => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  console.log(`seed ${seed}`);
  let state = seed;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >> 8) % below;
  };
  const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T;
  const scalars = [
    null,
    0,
    -1,
    1e308,
    "",
    "a",
    "null",
    true,
    "\u0000",
    "\ud800",
    "2026-01-01T00:00:00Z",
    {},
    [],
  ];
  const names = [
    "batch",
    "event",
    "type",
    "userId",
    "anonymousId",
    "distinct_id",
    "properties",
    "context",
    "traits",
    "$set",
    "timestamp",
    "sentAt",
    "sent_at",
    "offset",
    "uuid",
    "messageId",
    "writeKey",
    "api_key",
    "token",
    "options",
    "alias",
    "previousId",
    "$anon_distinct_id",
    "__proto__",
    "constructor",
  ];
  const value = (depth: number): unknown => {
    const kind = random(depth > 4 ? 3 : 6);
    if (kind < 2) return pick(scalars);
    if (kind === 2) return pick([testKeys.write, "track", "identify", "$identify", "$create_alias", "page"]);
    if (kind === 3) return Array.from({ length: random(4) }, () => value(depth + 1));
    return Object.fromEntries(Array.from({ length: random(8) }, () => [pick(names), value(depth + 1)]));
  };
  const shapes = ["json", "json", "gzip", "base64", "form", "bytes", "deep"] as const;
  const bodyOf = (): Uint8Array<ArrayBuffer> => {
    const text = JSON.stringify({
      ...(value(0) as object),
      ...(random(2) ? { api_key: testKeys.write } : {}),
    });
    switch (pick(shapes)) {
      case "gzip":
        return new Uint8Array(gzipSync(text));
      case "base64":
        return new Uint8Array(Buffer.from(Buffer.from(text).toString("base64")));
      case "form":
        return new Uint8Array(
          Buffer.from(`data=${encodeURIComponent(text)}&compression=${pick(scalars) as string}`),
        );
      case "bytes":
        return crypto.getRandomValues(new Uint8Array(random(300)));
      case "deep":
        return new Uint8Array(
          Buffer.from(`{"batch":[{"properties":${'{"a":'.repeat(5_000)}1${"}".repeat(5_000)}}]}`),
        );
      default:
        return new Uint8Array(Buffer.from(text));
    }
  };
  const addresses = sdkOperations.flatMap((operation) =>
    pathsOf(operation).map((path) => ({ path, method: operation.method })),
  );
  const statuses = new Map<number, number>();
  for (let round = 0; round < 3_000; round += 1) {
    const { path, method } = pick(addresses);
    const body = bodyOf();
    if (random(3) === 0 && body.length > 0) body[random(body.length)] = random(256);
    const parameter = pick([testKeys.write, "x", "%22%3C", "a%00b", "%E0%A4%A"]);
    const query = pick([
      "",
      "",
      `?data=${Buffer.from(body).toString("base64url")}`,
      "?compression=lz64",
      "?_=x&beacon=1",
    ]);
    const headers: Record<string, string> = {
      ...pick([
        {},
        { authorization: basic(testKeys.write) },
        { authorization: `Bearer ${testKeys.write}` },
        { authorization: "Basic" },
      ]),
      ...pick([
        {},
        { "content-type": "text/plain" },
        { "content-type": "application/x-www-form-urlencoded" },
      ]),
      ...pick([
        {},
        {},
        { "content-encoding": "gzip" },
        { "content-encoding": "br" },
        { "content-encoding": "x" },
      ]),
    };
    const address = path.replace(/\{\w+\}/, parameter) + (query.length > 3_000 ? "" : query);
    const answer = await send(address, method === "GET" ? undefined : body, headers, method);
    const what = `round ${round}: ${method} ${address} ${answer.text}`;
    expect(answer.status, what).toBeLessThan(500);
    if (answer.status >= 400) expect(isErrorCode(answer.code), what).toBe(true);
    statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
  }
  // Refused alone would prove little.
  expect(statuses.get(200) ?? 0).toBeGreaterThan(100);
  expect((await send("/e/", capture("alive"))).status).toBe(200);
});
