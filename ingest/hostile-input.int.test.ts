// Whatever is sent, the edge answers with a code, stores nothing it should not, and stays up and small.
import { mkdtemp, rm } from "node:fs/promises";
import { createConnection, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startServers, type Servers } from "#ops/embedded/start-servers.ts";
import { isErrorCode } from "#schemas/errors.ts";
import { readLog, startEdge, testKeys, type EdgeUnderTest } from "./testing/start-edge.ts";

let dataDir: string;
let servers: Servers;
let edge: EdgeUnderTest;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "millrace-hostile-"));
  servers = await startServers({ dataDir, parts: ["nats"] });
  edge = await startEdge(servers.natsUrl, { bodyDeadlineMs: 1_000 });
});

afterAll(async () => {
  await edge.stop();
  await servers.stop();
  await rm(dataDir, { recursive: true, force: true });
});

type Bytes = Uint8Array<ArrayBuffer>;

interface Answer {
  status: number;
  code: string | undefined;
  codes: string[];
}

async function send(body: string | Bytes, headers: Record<string, string> = {}): Promise<Answer> {
  const response = await fetch(`${edge.url}/v1/events`, {
    method: "POST",
    headers: { authorization: `Bearer ${testKeys.write}`, "content-type": "application/json", ...headers },
    body,
  });
  const parsed = (await response.json()) as {
    error?: { code: string };
    rejected?: { code: string }[];
  };
  return {
    status: response.status,
    code: parsed.error?.code,
    codes: (parsed.rejected ?? []).map(({ code }) => code),
  };
}

const good = '{"event":"e","user_id":"u","event_id":"good"}';
const with_ = (member: string): string => `{"event":"bad","user_id":"u",${member}}`;
const bytes = (buffer: Buffer): Bytes => new Uint8Array(buffer);

const hostile: {
  name: string;
  body: string | Bytes;
  headers?: Record<string, string>;
  status: number;
  code: string;
}[] = [
  { name: "half a document", body: '{"event":"bad"', status: 400, code: "MALFORMED_JSON" },
  { name: "not JSON at all", body: "event=bad", status: 400, code: "MALFORMED_JSON" },
  { name: "a number", body: "1", status: 400, code: "INVALID_BODY" },
  { name: "nothing", body: "", status: 400, code: "EMPTY_BODY" },
  {
    name: "broken UTF-8",
    body: bytes(Buffer.from([0x22, 0xc3, 0x28, 0x22])),
    status: 400,
    code: "INVALID_ENCODING",
  },
  {
    name: "UTF-16",
    body: bytes(Buffer.from(`\ufeff${good}`, "utf16le")),
    status: 400,
    code: "INVALID_ENCODING",
  },
  {
    name: "2 MB event",
    body: with_(`"properties":{"a":"${"x".repeat(2_000_000)}"}`),
    status: 400,
    code: "EVENT_TOO_LARGE",
  },
  {
    name: "2 MB beside the event",
    body: with_(`"other":"${"x".repeat(2_000_000)}"`),
    status: 400,
    code: "EVENT_TOO_LARGE",
  },
  { name: "11 MB body", body: " ".repeat(11_000_000), status: 413, code: "BODY_TOO_LARGE" },
  {
    name: "a huge number",
    body: with_('"properties":{"a":1e999}'),
    status: 400,
    code: "NUMBER_OUT_OF_RANGE",
  },
  {
    name: "a number of 10,000 digits",
    body: with_(`"properties":{"a":${"9".repeat(10_000)}}`),
    status: 400,
    code: "NUMBER_OUT_OF_RANGE",
  },
  {
    name: "properties 100,000 levels deep",
    body: with_(`"properties":${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}`),
    status: 400,
    code: "EVENT_TOO_DEEP",
  },
  {
    name: "arrays a million levels deep",
    body: `${"[".repeat(1_000_000)}${"]".repeat(1_000_000)}`,
    status: 400,
    code: "EVENT_NOT_AN_OBJECT",
  },
  { name: "a million brackets", body: "[".repeat(1_000_000), status: 400, code: "MALFORMED_JSON" },
  {
    name: "depth beside the event",
    body: with_(`"other":${"[".repeat(100_000)}${"]".repeat(100_000)}`),
    status: 400,
    code: "EVENT_TOO_LARGE",
  },
  { name: "wrong types", body: '{"event":{},"user_id":[]}', status: 400, code: "EVENT_NAME_INVALID" },
  { name: "a missing user", body: '{"event":"bad"}', status: 400, code: "USER_MISSING" },
  {
    name: "the user [object Object]",
    body: '{"event":"bad","user_id":"[object Object]"}',
    status: 400,
    code: "USER_ID_INVALID",
  },
  {
    name: "a future timestamp",
    body: with_('"timestamp":"2199-01-01T00:00:00Z"'),
    status: 400,
    code: "TIMESTAMP_IN_FUTURE",
  },
  {
    name: "31 February",
    body: with_('"timestamp":"2026-02-31T00:00:00Z"'),
    status: 400,
    code: "TIMESTAMP_INVALID",
  },
  {
    name: "poisoned prototypes",
    body: '{"__proto__":{"event":"bad","user_id":"u"}}',
    status: 400,
    code: "EVENT_NAME_MISSING",
  },
  {
    name: "a NUL in an id",
    body: '{"event":"bad","user_id":"a\\u0000b"}',
    status: 400,
    code: "USER_ID_INVALID",
  },
  {
    name: "truncated gzip",
    body: bytes(gzipSync(Buffer.from(good)).subarray(0, -6)),
    headers: { "content-encoding": "gzip" },
    status: 400,
    code: "MALFORMED_COMPRESSION",
  },
  {
    name: "gzip that is none",
    body: good,
    headers: { "content-encoding": "gzip" },
    status: 400,
    code: "MALFORMED_COMPRESSION",
  },
  {
    name: "deflate that is none",
    body: good,
    headers: { "content-encoding": "deflate" },
    status: 400,
    code: "MALFORMED_COMPRESSION",
  },
  {
    name: "a gzip bomb",
    body: bytes(gzipSync(Buffer.alloc(500_000_000))),
    headers: { "content-encoding": "gzip" },
    status: 413,
    code: "BODY_TOO_LARGE",
  },
  {
    name: "a brotli bomb",
    body: bytes(brotliCompressSync(Buffer.alloc(100_000_000), { params: { 1: 1 } })),
    headers: { "content-encoding": "br" },
    status: 413,
    code: "BODY_TOO_LARGE",
  },
  {
    name: "an unknown compression",
    body: good,
    headers: { "content-encoding": "zstd" },
    status: 415,
    code: "UNSUPPORTED_MEDIA_TYPE",
  },
  {
    name: "two compressions",
    body: good,
    headers: { "content-encoding": "gzip, br" },
    status: 415,
    code: "UNSUPPORTED_MEDIA_TYPE",
  },
  {
    name: "an image",
    body: good,
    headers: { "content-type": "image/png" },
    status: 415,
    code: "UNSUPPORTED_MEDIA_TYPE",
  },
  {
    name: "a wrong key",
    body: good,
    headers: { authorization: "Bearer x" },
    status: 401,
    code: "UNAUTHORIZED",
  },
  { name: "no key", body: good, headers: { authorization: "" }, status: 401, code: "UNAUTHORIZED" },
  {
    name: "the wrong scope",
    body: good,
    headers: { authorization: `Bearer ${testKeys.read}` },
    status: 403,
    code: "FORBIDDEN",
  },
];

test("hostile bodies get their codes, nothing of them is stored, and the edge stays small", async () => {
  global.gc?.();
  const memoryBefore = process.memoryUsage().rss;
  for (const { name, body, headers, status, code } of hostile) {
    const answer = await send(body, headers);
    expect(answer.status, name).toBe(status);
    expect(answer.code === "NO_EVENT_ACCEPTED" ? answer.codes : [answer.code], name).toContain(code);
  }
  expect(await readLog(edge.connection)).toEqual([]);
  // The requests themselves (a bomb of 500 MB, unpacked nowhere) live in this process too.
  expect(process.memoryUsage().rss - memoryBefore).toBeLessThan(900_000_000);
  expect((await send(good)).status).toBe(202);
});

function open(): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ port: edge.port, host: "127.0.0.1" }, () => resolve(socket));
    socket.once("error", reject);
  });
}

function head(length: number | string, more = ""): string {
  return (
    `POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${testKeys.write}\r\n` +
    `Content-Type: application/json\r\n${more}Content-Length: ${length}\r\n\r\n`
  );
}

function readAll(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    socket.on("data", (chunk) => (text += String(chunk)));
    socket.on("close", () => resolve(text));
    socket.on("error", () => resolve(text));
  });
}

test("a body that comes too slowly is ended with 408", async () => {
  const socket = await open();
  const answer = readAll(socket);
  socket.write(head(1_000_000));
  const drip = setInterval(() => socket.write(" "), 50);
  const text = await answer;
  clearInterval(drip);
  expect(text).toContain("408 Request Timeout");
  expect(text).toContain("REQUEST_TIMEOUT");
});

test("requests that are aborted at any moment leave nothing behind", async () => {
  const body = JSON.stringify(Array.from({ length: 500 }, (_, n) => ({ event: "e", user_id: `u${n}` })));
  for (let round = 0; round < 200; round += 1) {
    const socket = await open();
    socket.on("error", () => undefined);
    const whole = head(body.length) + body;
    socket.write(whole.slice(0, Math.floor((whole.length * round) / 199)));
    await new Promise((resolve) => {
      setTimeout(resolve, round % 4);
    });
    socket.destroy();
  }
  expect((await send(good)).status).toBe(202);
  const readMetrics = async (): Promise<string> => {
    const metrics = await fetch(`${edge.url}/metrics`, {
      headers: { authorization: `Bearer ${testKeys.admin}` },
    });
    return metrics.text();
  };
  // What arrived whole before its sender left may still be on its way into the log for a moment.
  await expect.poll(readMetrics).toMatch(/millrace_ingest_bodies_in_flight_bytes\{[^}]*\} 0\n/);
  await expect.poll(readMetrics).toMatch(/millrace_ingest_pending_bytes\{[^}]*\} 0\n/);
});

test("a body announced as too large is refused before it is sent", async () => {
  const socket = await open();
  let text = "";
  socket.on("data", (chunk) => (text += String(chunk)));
  socket.write(head(1_000_000_000));
  await expect.poll(() => text).toContain("413 Payload Too Large");
  socket.destroy();
});

test("chunked bodies are bounded as they come", async () => {
  const socket = await open();
  socket.on("error", () => undefined);
  let text = "";
  socket.on("data", (chunk) => (text += String(chunk)));
  socket.write(head(0).replace("Content-Length: 0", "Transfer-Encoding: chunked"));
  const piece = "x".repeat(1_000_000);
  for (let sent = 0; sent < 15 && !text.includes("413"); sent += 1) {
    socket.write(`${piece.length.toString(16)}\r\n${piece}\r\n`);
    await new Promise((resolve) => {
      setTimeout(resolve, 10);
    });
  }
  await expect.poll(() => text).toContain("413 Payload Too Large");
  socket.destroy();
});

test("random damage to requests never crashes the edge, and every refusal has a code", async () => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  console.log(`seed ${seed}`);
  let state = seed;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >> 8) % below;
  };
  const events = Array.from({ length: 5 }, (_, n) => ({
    event: `e${n}`,
    user_id: `u${n}`,
    event_id: `id${n}`,
    timestamp: "2026-01-02T03:04:05Z",
    properties: { a: [1, { b: null }], c: "x\u00fc\\" },
    context: { user_agent: "x" },
  }));
  const seeds = [
    Buffer.from(JSON.stringify(events)),
    Buffer.from(JSON.stringify({ batch: events, sent_at: 1 })),
    Buffer.from(events.map((each) => JSON.stringify(each)).join("\n")),
    gzipSync(Buffer.from(JSON.stringify(events))),
  ];
  const types = ["application/json", "application/x-ndjson", "text/plain", "", "x"];
  const encodings = ["", "gzip", "br", "deflate", "identity", "x"];
  for (let round = 0; round < 1_500; round += 1) {
    const body = new Uint8Array(seeds[random(seeds.length)] as Buffer);
    for (let damage = random(4); damage > 0; damage -= 1) body[random(body.length)] = random(256);
    const cut = body.subarray(0, random(10) === 0 ? random(body.length) : body.length);
    const encoding = encodings[random(10)] ?? "";
    const answer = await send(new Uint8Array(cut), {
      "content-type": types[random(20)] ?? "application/json",
      ...(encoding === "" ? {} : { "content-encoding": encoding }),
    });
    expect(answer.status === 202 || (answer.status >= 400 && answer.status < 500), `${round}`).toBe(true);
    if (answer.status !== 202) expect(isErrorCode(answer.code), `${round} ${answer.code}`).toBe(true);
    for (const code of answer.codes) expect(isErrorCode(code)).toBe(true);
  }
});

test("random bytes instead of HTTP do not disturb others", async () => {
  for (let round = 0; round < 50; round += 1) {
    const socket = await open();
    socket.on("error", () => undefined);
    socket.write(crypto.getRandomValues(new Uint8Array(500)));
    await new Promise((resolve) => {
      setTimeout(resolve, 2);
    });
    socket.destroy();
  }
  expect((await send(good)).status).toBe(202);
});
