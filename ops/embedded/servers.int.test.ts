// The embedded servers as real processes in a data directory of their own: passwords, file modes, and what is left
// after they, or the process that started them, are killed.
import { execFileSync, spawn } from "node:child_process";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { Redis } from "ioredis";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { dataDirOwner, lockDataDir } from "./data-dir.ts";
import { findMarkedProcesses } from "./processes.ts";
import { startServers, type Servers } from "./start-servers.ts";

const parts = ["nats", "valkey", "postgres", "clickhouse"] as const;
let dataDir: string;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "millrace-servers-"));
});
afterAll(async () => {
  await rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
});

async function queryPostgres(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}

async function connectNats(url: string) {
  const { host, username, password } = new URL(url);
  return connect({ servers: host, user: username, pass: password, reconnect: false });
}

async function queryClickHouse(url: string, query: string): Promise<string> {
  const { origin, username, password } = new URL(url);
  const response = await fetch(origin, {
    method: "POST",
    body: query,
    headers: { authorization: `Basic ${btoa(`${username}:${password}`)}`, connection: "close" },
  });
  const text = await response.text();
  if (!response.ok) throw new Error(text);
  return text.trim();
}

const withPassword = (url: string, password: string): string => {
  const parsed = new URL(url);
  parsed.password = password;
  return parsed.href;
};

describe("while they run", () => {
  let servers: Servers;
  beforeAll(async () => {
    servers = await startServers({ dataDir, parts });
  });
  afterAll(async () => {
    await servers.stop();
  });

  it("nats refuses a wrong password, and no password", async () => {
    await expect(connectNats(withPassword(servers.natsUrl, "wrong"))).rejects.toThrow(/authorization/i);
    await expect(connect({ servers: new URL(servers.natsUrl).host, reconnect: false })).rejects.toThrow(
      /authorization/i,
    );
  });

  it("nats syncs every message and takes payloads of 8 MB", async () => {
    const connection = await connectNats(servers.natsUrl);
    try {
      expect(connection.info?.max_payload).toBe(8 * 1024 * 1024);
      const manager = await jetstreamManager(connection);
      await manager.streams.add({ name: "PROOF", subjects: ["proof"] });
      await jetstream(connection).publish("proof", "kept");
    } finally {
      await connection.close();
    }
  });

  it("redis refuses a wrong password, and no password", async () => {
    for (const url of [withPassword(servers.redisUrl, "wrong"), withPassword(servers.redisUrl, "")]) {
      const client = new Redis(url, {
        lazyConnect: true,
        retryStrategy: () => null,
        maxRetriesPerRequest: 0,
      });
      client.on("error", () => {});
      await expect(client.connect().then(() => client.get("a"))).rejects.toThrow();
      client.disconnect();
    }
  });

  it("redis forgets the oldest instead of growing", async () => {
    const client = new Redis(servers.redisUrl);
    expect(await client.config("GET", "maxmemory-policy")).toEqual(["maxmemory-policy", "allkeys-lru"]);
    expect(await client.config("GET", "maxmemory")).toEqual(["maxmemory", String(128 * 1024 * 1024)]);
    await client.quit();
  });

  it("postgres refuses a wrong password, and listens on loopback only", async () => {
    await expect(queryPostgres(withPassword(servers.postgresUrl, "wrong"), "SELECT 1")).rejects.toThrow(
      /password authentication failed/,
    );
    const settings = await queryPostgres(
      servers.postgresUrl,
      `SELECT name, setting FROM pg_settings
       WHERE name IN ('fsync', 'listen_addresses', 'password_encryption', 'unix_socket_directories') ORDER BY name`,
    );
    expect(settings).toEqual([
      { name: "fsync", setting: "on" },
      { name: "listen_addresses", setting: "127.0.0.1" },
      { name: "password_encryption", setting: "scram-sha-256" },
      { name: "unix_socket_directories", setting: "" },
    ]);
    await queryPostgres(servers.postgresUrl, "CREATE TABLE proof AS SELECT 42 AS kept");
  });

  it("clickhouse refuses a wrong password, and writing by the reader", async () => {
    await expect(queryClickHouse(withPassword(servers.clickhouseUrl, "wrong"), "SELECT 1")).rejects.toThrow(
      /AUTHENTICATION_FAILED/,
    );
    await queryClickHouse(
      servers.clickhouseUrl,
      "CREATE TABLE proof (kept UInt8) ENGINE = MergeTree ORDER BY kept SETTINGS fsync_after_insert = 1",
    );
    await queryClickHouse(servers.clickhouseUrl, "INSERT INTO proof VALUES (42)");
    await expect(
      queryClickHouse(servers.clickhouseReadUrl, "INSERT INTO proof VALUES (1)"),
    ).rejects.toThrow();
    expect(await queryClickHouse(servers.clickhouseReadUrl, "SELECT kept FROM proof")).toBe("42");
  });

  it("keeps the data directory and everything in it private", async () => {
    // As root, the group of Postgres' own user may pass through, but not look.
    expect([0o700, 0o710]).toContain((await stat(dataDir)).mode & 0o777);
    for (const name of await readdir(dataDir)) {
      const { mode } = await stat(join(dataDir, name));
      expect(`${name} ${(mode & 0o077).toString(8)}`).toBe(`${name} 0`);
    }
  });

  it("shows no password on a command line, and marks every process with the data directory", async () => {
    const secrets = [servers.natsUrl, servers.redisUrl, servers.postgresUrl].map(
      (url) => new URL(url).password,
    );
    const commandLines = execFileSync("ps", ["-axww", "-o", "args="], { encoding: "utf8" });
    for (const secret of secrets) expect(commandLines).not.toContain(secret);
    const marked = await findMarkedProcesses(dataDir, "MILLRACE_PART");
    expect(marked.map(({ value }) => value).sort()).toEqual([
      "clickhouse",
      "nats",
      "postgres",
      "valkey",
      "warden",
    ]);
    for (const name of parts) expect(marked.some(({ pid }) => pid === servers.pids[name])).toBe(true);
  });

  it("refuses a second start in the same directory, naming the owner", async () => {
    await expect(lockDataDir(dataDir, { waitMs: 300 })).rejects.toThrow(`in use by process ${process.pid}`);
    expect(await dataDirOwner(dataDir)).toBe(process.pid);
  });
});

it("leaves nothing running after a stop, and finds its data at the next start on the same addresses", async () => {
  expect(await findMarkedProcesses(dataDir, "MILLRACE_PART")).toEqual([]);
  const first = await startServers({ dataDir, parts });
  await first.stop();
  const second = await startServers({ dataDir, parts });
  expect({ ...second, pids: 0, stop: 0 }).toEqual({ ...first, pids: 0, stop: 0 });
  expect(await queryPostgres(second.postgresUrl, "SELECT kept FROM proof")).toEqual([{ kept: 42 }]);
  await second.stop();
});

it("continues after kill -9 of every server", async () => {
  const servers = await startServers({ dataDir, parts });
  for (const pid of Object.values(servers.pids)) process.kill(pid, "SIGKILL");
  await servers.stop();
  const again = await startServers({ dataDir, parts });
  expect(await queryPostgres(again.postgresUrl, "SELECT kept FROM proof")).toEqual([{ kept: 42 }]);
  expect(await queryClickHouse(again.clickhouseUrl, "SELECT kept FROM proof")).toBe("42");
  const connection = await connectNats(again.natsUrl);
  const info = await (await jetstreamManager(connection)).streams.info("PROOF");
  expect(info.state.messages).toBe(1);
  await connection.close();
  await again.stop();
});

it("ends the servers when the process that started them is killed, and starts at once beside the remains", async () => {
  const script = `
    import { startServers } from ${JSON.stringify(new URL("./start-servers.ts", import.meta.url).href)};
    await startServers({ dataDir: ${JSON.stringify(dataDir)}, parts: ${JSON.stringify(parts)} });
    console.log("started");
    setInterval(() => {}, 1000);`;
  const startHolder = async () => {
    const holder = spawn(process.execPath, ["--input-type=module-typescript", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await new Promise((resolve) => holder.stdout.once("data", resolve));
    return holder;
  };
  const first = await startHolder();
  first.kill("SIGKILL");
  // Without a pause: the warden and this start both want the old servers gone.
  const servers = await startServers({ dataDir, parts });
  expect(await queryPostgres(servers.postgresUrl, "SELECT kept FROM proof")).toEqual([{ kept: 42 }]);
  await servers.stop();

  const second = await startHolder();
  second.kill("SIGKILL");
  await vi.waitFor(
    async () => expect(await findMarkedProcesses(dataDir, "MILLRACE_PART")).toEqual([]),
    10_000,
  );
});

it("starts the warden anew when it is killed", async () => {
  const servers = await startServers({ dataDir, parts: ["valkey"] });
  const wardens = async () =>
    (await findMarkedProcesses(dataDir, "MILLRACE_PART")).filter(({ value }) => value === "warden");
  const [old] = await wardens();
  if (old === undefined) throw new Error("there is no warden");
  process.kill(old.pid, "SIGKILL");
  await vi.waitFor(async () => {
    const [next] = await wardens();
    expect(next?.pid).toBeGreaterThan(0);
    expect(next?.pid).not.toBe(old.pid);
  }, 5_000);
  await servers.stop();
});

it("takes over a lock whose owner is dead, also when its number is in use again", async () => {
  const { writeFile } = await import("node:fs/promises");
  await writeFile(join(dataDir, "lock.json"), JSON.stringify({ pid: process.pid, startedAt: "1" }));
  const lock = await lockDataDir(dataDir, { waitMs: 0 });
  await lock.release();
  expect(await dataDirOwner(dataDir)).toBeUndefined();
});
