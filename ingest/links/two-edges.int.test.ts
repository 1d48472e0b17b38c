// Two edges in processes of their own, on one log and one Redis: changes reach both under load, expiry is kept, links
// with a number of clicks never give more than that, also when an edge is killed.
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { NatsConnection } from "@nats-io/transport-node";
import type { Redis } from "ioredis";
import { afterAll, beforeAll, expect, inject, it, vi } from "vitest";
import { startServers, type Servers } from "#ops/embedded/start-servers.ts";
import { createLogger } from "#ops/runtime/log.ts";
import { connectNats } from "#streams/connect.ts";
import { connectRedis } from "../access/connect-redis.ts";
import { LinksService } from "../testing/links-service.ts";
import { readLog } from "../testing/start-edge.ts";

const cli = resolve(import.meta.dirname, "../../ops/cli/millrace.ts");
const log = createLogger({ level: "error", name: "test" });
let dataDir: string;
let servers: Servers;
let connection: NatsConnection;
let redis: Redis;
let links: LinksService;
let edges: { url: string; child: ChildProcess }[] = [];

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "millrace-edges-"));
  servers = await startServers({ dataDir, parts: ["nats", "valkey"] });
  connection = await connectNats({ url: servers.natsUrl, name: "edges-test", log });
  redis = connectRedis(servers.redisUrl, log);
  await vi.waitUntil(() => redis.status === "ready", { timeout: 5_000 });
  links = new LinksService(connection, redis);
  edges = await Promise.all([startEdgeProcess("edge-1"), startEdgeProcess("edge-2")]);
});

afterAll(async () => {
  for (const { child } of edges) child.kill("SIGKILL");
  await links.stop();
  redis.disconnect();
  await connection.close();
  await servers.stop();
  await rm(dataDir, { recursive: true, force: true });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((done) => server.once("listening", done));
  const { port } = server.address() as { port: number };
  await new Promise((done) => server.close(done));
  return port;
}

async function startEdgeProcess(instance: string): Promise<{ url: string; child: ChildProcess }> {
  const port = await freePort();
  const child = spawn(process.execPath, [cli, "ingest"], {
    env: {
      ...process.env,
      MILLRACE_NATS_URL: servers.natsUrl,
      MILLRACE_REDIS_URL: servers.redisUrl,
      // A tier that runs alone asks for all of them.
      MILLRACE_CLICKHOUSE_URL: inject("servers").clickhouseUrl,
      MILLRACE_POSTGRES_URL: inject("servers").postgresUrl,
      MILLRACE_DATA_DIR: join(dataDir, instance),
      MILLRACE_INSTANCE: instance,
      MILLRACE_PORT: String(port),
      MILLRACE_LOG_LEVEL: "error",
    },
    stdio: ["ignore", "ignore", "inherit"],
  });
  const url = `http://127.0.0.1:${port}`;
  await vi.waitUntil(async () => (await fetch(`${url}/healthz`).catch(() => undefined))?.ok, {
    timeout: 20_000,
  });
  return { url, child };
}

interface Seen {
  edge: number;
  status: number;
  location: string | null;
  sentAtMs: number;
}

/** Status 0: the connection broke before the answer. */
async function visit(edge: number, code: string): Promise<Seen> {
  const sentAtMs = Date.now();
  const url = `${edges[edge]?.url}/${code}`;
  const response = await fetch(url, { redirect: "manual" }).catch(() => undefined);
  return {
    edge,
    status: response?.status ?? 0,
    location: response?.headers.get("location") ?? null,
    sentAtMs,
  };
}

/** Visits both edges from several senders at once until it is stopped. */
function keepVisiting(code: string): { seen: Seen[]; stop(): Promise<void> } {
  const seen: Seen[] = [];
  let running = true;
  const senders = Array.from({ length: 8 }, async (_, sender) => {
    while (running) seen.push(await visit(sender % 2, code));
  });
  return {
    seen,
    async stop() {
      running = false;
      await Promise.all(senders);
    },
  };
}

const changeMsMax = 1_000;

it("a change and a deletion are seen by both within a second, under load", async () => {
  await links.put({ code: "moving1", url: "https://e.com/1" });
  const load = keepVisiting("moving1");
  await new Promise((done) => setTimeout(done, 500));
  await links.put({ code: "moving1", url: "https://e.com/2" });
  const changedAtMs = Date.now();
  await new Promise((done) => setTimeout(done, 1_500));
  await links.remove("", "moving1");
  const removedAtMs = Date.now();
  await new Promise((done) => setTimeout(done, 1_500));
  await load.stop();
  for (const edge of [0, 1]) {
    const seen = load.seen.filter((each) => each.edge === edge);
    expect(seen.length).toBeGreaterThan(200);
    const old = seen.filter(({ location }) => location === "https://e.com/1");
    const kept = seen.filter(({ location }) => location === "https://e.com/2");
    expect(old.length * kept.length).toBeGreaterThan(0);
    expect(Math.max(...old.map(({ sentAtMs }) => sentAtMs)) - changedAtMs).toBeLessThan(changeMsMax);
    expect(Math.max(...kept.map(({ sentAtMs }) => sentAtMs)) - removedAtMs).toBeLessThan(changeMsMax);
    expect(seen.at(-1)?.status).toBe(404);
  }
});

it("a link ends within 100 ms of its instant on both", async () => {
  const expiresAtMs = Date.now() + 1_500;
  await links.put({ code: "ending1", expiresAtMs });
  const load = keepVisiting("ending1");
  await new Promise((done) => setTimeout(done, 2_500));
  await load.stop();
  for (const edge of [0, 1]) {
    const seen = load.seen.filter((each) => each.edge === edge);
    const last = Math.max(...seen.filter(({ status }) => status === 302).map(({ sentAtMs }) => sentAtMs));
    const first = Math.min(...seen.filter(({ status }) => status === 410).map(({ sentAtMs }) => sentAtMs));
    expect(last - expiresAtMs).toBeLessThan(100);
    expect(first - expiresAtMs).toBeGreaterThan(-100);
    expect(first - expiresAtMs).toBeLessThan(100);
  }
});

it("never more clicks than a link has, over two edges and the death of one; what was answered is in the log", async () => {
  const maxClicks = 300;
  await links.put({ code: "counted1", maxClicks });
  const load = keepVisiting("counted1");
  await vi.waitUntil(() => load.seen.length > 120, { timeout: 10_000, interval: 2 });
  const killed = edges[1]?.child as ChildProcess;
  killed.kill("SIGKILL");
  await vi.waitUntil(() => load.seen.some(({ status }) => status === 410), { timeout: 20_000 });
  await load.stop();
  const redirected = load.seen.filter(({ status }) => status === 302);
  // A redirect whose answer died with the edge was taken all the same.
  const broken = load.seen.filter(({ status, edge }) => status === 0 && edge === 1);
  expect(redirected.length).toBeLessThanOrEqual(maxClicks);
  expect(redirected.length + Math.min(broken.length, 4)).toBeGreaterThanOrEqual(maxClicks);
  expect(redirected.filter(({ edge }) => edge === 1).length).toBeGreaterThan(10);
  const ofSurvivor = redirected.filter(({ edge }) => edge === 0).length;
  const clicks = async (): Promise<number> =>
    new Set(
      (await readLog(connection))
        .filter(({ properties }) => (JSON.parse(properties) as { code?: string }).code === "counted1")
        .map(({ event_id: id }) => id),
    ).size;
  await expect.poll(clicks, { timeout: 5_000 }).toBeGreaterThanOrEqual(ofSurvivor);
  expect(await clicks()).toBeLessThanOrEqual(maxClicks);
  edges[1] = await startEdgeProcess("edge-2");
  expect((await visit(1, "counted1")).status).toBe(410);
});
