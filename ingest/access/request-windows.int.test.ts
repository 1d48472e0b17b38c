// Requests of an address over several edges, with and without Redis.
import { Redis } from "ioredis";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startServers } from "#ops/embedded/start-servers.ts";
import { RequestWindows } from "./request-windows.ts";

const stops: (() => Promise<unknown> | void)[] = [];
let redis: Redis;

beforeAll(async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "millrace-windows-"));
  stops.push(() => rm(dataDir, { recursive: true, force: true }));
  const servers = await startServers({ dataDir, parts: ["valkey"] });
  stops.push(() => servers.stop());
  redis = new Redis(servers.redisUrl);
  stops.push(() => redis.disconnect());
  await redis.ping();
});

afterAll(async () => {
  for (const stop of stops.toReversed()) await stop();
});

it("takes exactly as many as allowed of an address, over two edges at once", async () => {
  const edge = new RequestWindows({ redis, name: "a", requestsMax: 100 });
  const other = new RequestWindows({ redis, name: "a", requestsMax: 100 });
  const answers = await Promise.all(
    Array.from({ length: 300 }, (_, index) => (index % 2 === 0 ? edge : other).take("192.0.2.1")),
  );
  expect(answers.filter((refusal) => refusal === undefined)).toHaveLength(100);
  const refused = answers.filter((refusal) => refusal !== undefined);
  expect(new Set(refused.map(({ code }) => code))).toEqual(new Set(["RATE_LIMITED"]));
  for (const { retryAfterSeconds } of refused) expect(retryAfterSeconds).toBeGreaterThan(55);
  expect(await edge.take("192.0.2.2")).toBeUndefined();
});

it("counts all addresses of one network of IPv6 as one, with and without Redis", async () => {
  for (const shared of [redis, undefined]) {
    const windows = new RequestWindows({ redis: shared, name: "v6", requestsMax: 50 });
    const answers = await Promise.all(
      Array.from({ length: 80 }, (_, index) => windows.take(`2001:db8:0:1::${(index + 1).toString(16)}`)),
    );
    expect(answers.filter((refusal) => refusal === undefined)).toHaveLength(50);
    expect(await windows.take("2001:db8:0:2::1")).toBeUndefined();
  }
});

it("waits until the oldest request is a minute old, and no longer", async () => {
  const windows = new RequestWindows({ redis, name: "b", requestsMax: 2 });
  const key = "millrace:window:b:192.0.2.1";
  const nowMs = Date.now();
  await redis.zadd(key, nowMs - 58_200, "first", nowMs - 10_000, "second");
  expect((await windows.take("192.0.2.1"))?.retryAfterSeconds).toBe(2);
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  expect(await windows.take("192.0.2.1")).toBeUndefined();
  expect((await windows.take("192.0.2.1"))?.retryAfterSeconds).toBeGreaterThan(45);
});

it("counts by itself while Redis is away", async () => {
  const away = new Redis(1, { lazyConnect: true });
  const windows = new RequestWindows({ redis: away, name: "c", requestsMax: 3 });
  const answers = [];
  for (let index = 0; index < 5; index += 1) answers.push(await windows.take("192.0.2.1"));
  expect(answers.map((refusal) => refusal?.code)).toEqual([
    undefined,
    undefined,
    undefined,
    "RATE_LIMITED",
    "RATE_LIMITED",
  ]);
  expect(await new RequestWindows({ redis: away, name: "d", requestsMax: 0 }).take("x")).toBeUndefined();
});
