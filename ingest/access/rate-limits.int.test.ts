import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Redis } from "ioredis";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { startServers, type Servers } from "#ops/embedded/start-servers.ts";
import { createLogger } from "#ops/runtime/log.ts";
import { connectRedis } from "./connect-redis.ts";
import { RateLimits } from "./rate-limits.ts";

const log = createLogger({ level: "error", name: "test" });
let dataDir: string;
let servers: Servers;
let redis: Redis;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "millrace-limits-"));
  servers = await startServers({ dataDir, parts: ["valkey"] });
  redis = connectRedis(servers.redisUrl, log);
  await vi.waitUntil(() => redis.status === "ready", { timeout: 5_000 });
});

afterAll(async () => {
  redis.disconnect();
  await servers.stop();
  await rm(dataDir, { recursive: true, force: true });
});

async function countTaken(
  limits: RateLimits[],
  project: number,
  max: number,
  requests: number,
): Promise<number> {
  let taken = 0;
  for (let index = 0; index < requests; index += 1) {
    const edge = limits[index % limits.length] as RateLimits;
    if (edge.refusal(project) !== undefined) continue;
    if ((await edge.take(project, 1, max)) === undefined) taken += 1;
  }
  return taken;
}

async function calls(): Promise<number> {
  const info = await redis.info("stats");
  return Number(/total_commands_processed:(\d+)/.exec(info)?.[1]);
}

test("edges share one allowance, and lease it in parts", async () => {
  const before = await calls();
  const taken = await countTaken([new RateLimits({ redis }), new RateLimits({ redis })], 1, 1_000, 3_000);
  // A second may end in between; leases that the other edge holds may be unused.
  expect(taken).toBeGreaterThanOrEqual(900);
  expect(taken).toBeLessThanOrEqual(2_000);
  expect((await calls()) - before).toBeLessThan(200);
});

test("a request of more than a second's allowance is taken once and blocks as long as it is worth", async () => {
  const limits = new RateLimits({ redis });
  expect(await limits.take(2, 50, 10)).toBeUndefined();
  const refusal = limits.refusal(2);
  expect(refusal).toMatchObject({ code: "RATE_LIMITED" });
  expect(refusal?.retryAfterSeconds).toBeGreaterThanOrEqual(4);
  expect(refusal?.retryAfterSeconds).toBeLessThanOrEqual(5);
});

test("without Redis the edge counts on its own", async () => {
  const alone = new RateLimits({ redis: undefined });
  expect(await countTaken([alone], 3, 20, 100)).toBe(20);
});

test("when Redis goes away, limits go on in this process and requests do not wait", async () => {
  const limits = new RateLimits({ redis });
  expect(await limits.take(4, 1, 20)).toBeUndefined();
  process.kill(servers.pids.valkey as number, "SIGKILL");
  await expect.poll(() => redis.status).not.toBe("ready");
  const started = performance.now();
  const taken = await countTaken([limits], 5, 20, 100);
  expect(taken).toBe(20);
  expect(performance.now() - started).toBeLessThan(1_000);
});
