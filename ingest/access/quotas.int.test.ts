// Quotas of several edges over a real Redis, and while it is away.
import { randomInt } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { startServers, type Servers } from "#ops/embedded/start-servers.ts";
import type { MillraceError } from "#schemas/errors.ts";
import { createQuotaCounter } from "./quota-counter.ts";
import { Quotas, quotaLimits, type QuotaOf } from "./quotas.ts";

let dataDir: string;
let servers: Servers;
let redis: Redis;
let projectId: number;
/** What the workers have stored. */
let stored = { day: 0, month: 0 };
let questions = 0;
const made: Quotas[] = [];

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "millrace-quotas-"));
  servers = await startServers({ dataDir, parts: ["valkey"] });
  redis = new Redis(servers.redisUrl);
});

beforeEach(() => {
  projectId = randomInt(1, 2 ** 31);
  stored = { day: 0, month: 0 };
  questions = 0;
});

afterAll(async () => {
  await Promise.all(made.map((quotas) => quotas.stop()));
  redis.disconnect();
  await servers.stop();
  await rm(dataDir, { recursive: true, force: true });
});

function create(options: { redis?: Redis; now?: () => number } = {}): Quotas {
  const { now } = options;
  const quotas = new Quotas({
    counter: createQuotaCounter(options.redis ?? redis),
    eventsTaken: async () => {
      questions += 1;
      return stored;
    },
    ...(now === undefined ? {} : { now }),
  });
  made.push(quotas);
  return quotas;
}

const daily = (max: number): QuotaOf => ({ projectId, eventsPerDayMax: max, eventsPerMonthMax: null });

/** Takes pieces of `events` on all edges at once until each was refused; answers how many events were taken. */
async function takeAll(edges: readonly Quotas[], key: QuotaOf, events: number): Promise<number> {
  const taken = await Promise.all(
    edges.map(async (edge) => {
      let sum = 0;
      while ((await edge.take(key, events)) === undefined) sum += events;
      return sum;
    }),
  );
  return taken.reduce((sum, each) => sum + each, 0);
}

test("several edges together take exactly the quota, with a call to Redis for many takes", async () => {
  const edges = [create(), create(), create()];
  expect(await takeAll(edges, daily(50_000), 1)).toBe(50_000);
  expect(questions).toBeLessThanOrEqual(3);
});

test("a request that has no room is refused whole, a smaller one may be taken", async () => {
  const edge = create();
  expect(await edge.take(daily(100), 90)).toBeUndefined();
  const refused = (await edge.take(daily(100), 20)) as MillraceError;
  expect(refused.code).toBe("QUOTA_EXCEEDED");
  expect(refused.message).toContain("room for 10 more");
  expect(await edge.take(daily(100), 10)).toBeUndefined();
  expect(((await edge.take(daily(100), 1)) as MillraceError).message).toContain("used up");
  expect(edge.refusal(daily(100))?.code).toBe("QUOTA_EXCEEDED");
});

test("Retry-After ends with the period, and then everything may be taken again", async () => {
  let nowMs = Date.UTC(2030, 0, 31, 23, 59, 30);
  const edge = create({ now: () => nowMs });
  const key = { projectId, eventsPerDayMax: 10, eventsPerMonthMax: 15 };
  expect(await edge.take(key, 10)).toBeUndefined();
  expect(((await edge.take(key, 1)) as MillraceError).retryAfterSeconds).toBe(30);
  nowMs += 29_999;
  expect((await edge.take(key, 1))?.code).toBe("QUOTA_EXCEEDED");
  nowMs += 1;
  expect(await edge.take(key, 10)).toBeUndefined();
  nowMs += 86_400_000;
  const monthly = (await edge.take(key, 6)) as MillraceError;
  expect(monthly.message).toContain("15 events a month has room for 5 more");
  expect(monthly.retryAfterSeconds).toBe(27 * 86_400);
  expect(await edge.take(key, 5)).toBeUndefined();
});

test("a raised quota holds at once", async () => {
  const edge = create();
  expect(await takeAll([edge], daily(10), 1)).toBe(10);
  expect(edge.refusal(daily(10))?.code).toBe("QUOTA_EXCEEDED");
  expect(edge.refusal(daily(20))).toBeUndefined();
  expect(await takeAll([edge], daily(20), 1)).toBe(10);
});

test("what an edge leased and did not use comes back when it stops", async () => {
  const [first, second] = [create(), create()];
  expect(await first.take(daily(10_000), 1)).toBeUndefined();
  await first.stop();
  expect(await takeAll([second], daily(10_000), 1)).toBe(9_999);
});

test("events that did not go into the log may be taken again", async () => {
  const edge = create();
  expect(await edge.take(daily(100), 100)).toBeUndefined();
  edge.give(daily(100), 40);
  expect(await edge.take(daily(100), 40)).toBeUndefined();
  expect((await edge.take(daily(100), 1))?.code).toBe("QUOTA_EXCEEDED");
});

test("when Redis lost its memory, counting goes on from what is stored", async () => {
  const [first, second] = [create(), create()];
  expect(await first.take(daily(1_000), 600)).toBeUndefined();
  const keys = await redis.keys(`millrace:quota:${projectId}:*`);
  expect(keys.length).toBe(1);
  await redis.del(keys);
  stored = { day: 600, month: 600 };
  expect(await takeAll([first, second], daily(1_000), 1)).toBe(400);
});

test("while Redis is away each edge counts from what is stored, and asks for it once in a while", async () => {
  const away = new Redis("redis://127.0.0.1:1", {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  away.on("error", () => undefined);
  let nowMs = Date.UTC(2030, 0, 15);
  const edge = create({ redis: away, now: () => nowMs });
  stored = { day: 40, month: 40 };
  expect(await takeAll([edge], daily(100), 1)).toBe(60);
  expect(questions).toBe(1);
  // Another edge took some meanwhile: they count, too.
  stored = { day: 130, month: 130 };
  nowMs += quotaLimits.refreshMs;
  expect(await takeAll([edge], daily(150), 1)).toBe(20);
});
