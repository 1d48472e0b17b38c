import { spawn } from "node:child_process";
import { readFile, stat } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  createTestClickHouse,
  queryClickHouse,
  type TestClickHouse,
} from "../../testing/embedded-clickhouse.ts";
import { chooseFreePort } from "../../testing/free-port.ts";
import { OWNER } from "./config.ts";

const anonymous = (url: string): string => {
  const { host } = new URL(url);
  return `http://default:@${host}`;
};
const withPassword = (url: string, password: string): string => {
  const changed = new URL(url);
  changed.password = password;
  return changed.href;
};
const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe("who may do what", () => {
  let clickhouse: TestClickHouse;
  let tcpPort: number;

  beforeAll(async () => {
    clickhouse = await createTestClickHouse();
    tcpPort = await chooseFreePort();
    const { url } = await clickhouse.start({ tcpPort });
    await queryClickHouse(url, "CREATE TABLE kept (a UInt64) ENGINE = MergeTree ORDER BY a");
    await queryClickHouse(url, "INSERT INTO kept SELECT number FROM numbers(10)");
  });
  afterAll(() => clickhouse.remove());

  it("lets the owner write and the reader read", async () => {
    const { url, readUrl } = clickhouse.server;
    expect(await queryClickHouse(url, "SELECT currentUser(), currentDatabase(), timezone()")).toBe(
      "millrace\tmillrace\tUTC",
    );
    expect(await queryClickHouse(readUrl, "SELECT count(), max(a) FROM kept")).toBe("10\t9");
  });

  it.each([
    { sql: "INSERT INTO kept VALUES (1)", error: /ACCESS_DENIED|READONLY/ },
    { sql: "TRUNCATE TABLE kept", error: /ACCESS_DENIED|READONLY/ },
    { sql: "CREATE TABLE mine (a UInt8) ENGINE = Memory", error: /ACCESS_DENIED|READONLY/ },
    { sql: "SELECT 1 SETTINGS readonly = 0", error: /READONLY/ },
    { sql: "SELECT 1 SETTINGS max_memory_usage = 0", error: /SETTING_CONSTRAINT_VIOLATION/ },
    { sql: "SELECT * FROM file('/etc/hostname', 'LineAsString')", error: /ACCESS_DENIED/ },
    { sql: "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')", error: /ACCESS_DENIED/ },
  ])("refuses the reader: $sql", async ({ sql, error }) => {
    await expect(queryClickHouse(clickhouse.server.readUrl, sql)).rejects.toThrow(error);
  });

  it.each([
    "SELECT * FROM file('/etc/hostname', 'LineAsString')",
    "INSERT INTO FUNCTION file('/tmp/millrace-test', 'CSV', 'a UInt8') VALUES (1)",
    "CREATE TABLE outside (a String) ENGINE = File(LineAsString, '/etc/hostname')",
    "CREATE DATABASE another",
    "CREATE USER intruder",
  ])("refuses even the owner what lies outside its database: %s", async (sql) => {
    await expect(queryClickHouse(clickhouse.server.url, sql)).rejects.toThrow(/ACCESS_DENIED/);
  });

  it.each([
    "SELECT 1",
    "SELECT count() FROM kept",
    "SELECT count() FROM millrace.kept",
    "INSERT INTO millrace.kept VALUES (11)",
    "INSERT INTO FUNCTION null('a UInt8') VALUES (1)",
    "SELECT * FROM file('/etc/hostname', 'LineAsString')",
    "SYSTEM STOP LISTEN HTTP",
    "CREATE TABLE default.mine (a UInt8) ENGINE = Memory",
  ])("refuses whoever gives no name, over HTTP: %s", async (sql) => {
    const settings = { max_sessions_for_user: 0 };
    for (const given of [{}, settings, { ...settings, session_id: "mine" }]) {
      await expect(queryClickHouse(anonymous(clickhouse.server.url), sql, given)).rejects.toThrow(
        /USER_SESSION_LIMIT_EXCEEDED/,
      );
    }
  });

  it("refuses whoever gives no name over the native protocol, and lets the owner in", async () => {
    const as = (user: string, password: string): string =>
      `SELECT count() FROM remote('127.0.0.1:${tcpPort}', 'millrace', 'kept', '${user}', '${password}')`;
    const { url } = clickhouse.server;
    await expect(queryClickHouse(url, as("default", ""))).rejects.toThrow(/USER_SESSION_LIMIT_EXCEEDED/);
    await expect(queryClickHouse(url, as(OWNER, "wrong"))).rejects.toThrow(/AUTHENTICATION_FAILED/);
    const password = decodeURIComponent(new URL(url).password).replaceAll("'", "\\'");
    expect(await queryClickHouse(url, as(OWNER, password))).toBe("10");
  });

  it("refuses a wrong password", async () => {
    const { url, readUrl } = clickhouse.server;
    for (const each of [withPassword(url, "wrong"), withPassword(readUrl, ""), withPassword(url, "")]) {
      await expect(queryClickHouse(each, "SELECT 1")).rejects.toThrow(
        /AUTHENTICATION_FAILED|REQUIRED_PASSWORD/,
      );
    }
  });

  it("keeps hashes and shards' passwords from other users of the machine", async () => {
    for (const name of ["config.xml", "users.xml"]) {
      const { mode } = await stat(join(clickhouse.directory, name));
      expect(mode & 0o777).toBe(0o600);
    }
  });

  it("has no log table that could fill the disk", async () => {
    const sql =
      "SELECT count() FROM system.tables WHERE database = 'system' AND total_bytes_uncompressed > 0";
    await queryClickHouse(clickhouse.server.url, "SYSTEM FLUSH LOGS");
    expect(await queryClickHouse(clickhouse.server.url, sql)).toBe("0");
  });

  it("bounds its memory", async () => {
    const sql = "SELECT length(groupArray(number)) FROM numbers(1000000000)";
    await expect(queryClickHouse(clickhouse.server.url, sql)).rejects.toThrow(/MEMORY_LIMIT_EXCEEDED/);
    expect(await queryClickHouse(clickhouse.server.url, "SELECT 1")).toBe("1");
  });

  it("stops a reader's query when its client has gone", async () => {
    const { url, readUrl } = clickhouse.server;
    const mark = "a query that nobody waits for";
    const gone = connect(Number(new URL(readUrl).port), "127.0.0.1");
    const { username, password } = new URL(readUrl);
    const credentials = Buffer.from(`${username}:${decodeURIComponent(password)}`).toString("base64");
    const sql = `SELECT max(sipHash64(number)) FROM numbers(1000000000000) -- ${mark}`;
    gone.write(
      `GET /?query=${encodeURIComponent(sql)} HTTP/1.1\r\nHost: x\r\nAuthorization: Basic ${credentials}\r\n\r\n`,
    );
    const running = `SELECT count() FROM system.processes WHERE user = 'millrace_read' AND query LIKE '%${mark}%'`;
    await expect.poll(() => queryClickHouse(url, running), { timeout: 5_000 }).toBe("1");
    gone.destroy();
    await expect.poll(() => queryClickHouse(url, running), { timeout: 2_000 }).toBe("0");
  });

  // Each of these ended the whole server until its stdin became a terminal.
  it.each([
    { name: "half a request line", port: "http", bytes: "GET /?que" },
    { name: "half of the headers", port: "http", bytes: "GET / HTTP/1.1\r\nHost: x\r\nAuth" },
    { name: "TLS", port: "http", bytes: "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" },
    { name: "a bad length", port: "http", bytes: "POST / HTTP/1.1\r\nContent-Length: x\r\n\r\nabc" },
    { name: "an endless address", port: "http", bytes: `GET /?${"a".repeat(2_000_000)} HTTP/1.1\r\n\r\n` },
    { name: "noise", port: "http", bytes: "\xff".repeat(500) },
    { name: "noise", port: "native", bytes: "\xff".repeat(500) },
    { name: "half a greeting", port: "native", bytes: "\x00\x01t" },
  ])("survives clients that send $name to the $port port and go away", async ({ port, bytes }) => {
    const { url, pid } = clickhouse.server;
    const number = port === "http" ? Number(new URL(url).port) : tcpPort;
    await Promise.all(Array.from({ length: 20 }, (_, index) => sendAndLeave(number, bytes, index * 5)));
    await delay(50);
    expect(await queryClickHouse(url, "SELECT 1")).toBe("1");
    expect(isAlive(pid)).toBe(true);
  });
});

describe("life and death", () => {
  let clickhouse: TestClickHouse;

  beforeAll(async () => {
    clickhouse = await createTestClickHouse();
  });
  afterAll(() => clickhouse.remove());

  it("keeps what was answered through kill -9, and is back within 2 s", async () => {
    const { url } = await clickhouse.start();
    await queryClickHouse(url, "CREATE TABLE IF NOT EXISTS a (n UInt64) ENGINE = MergeTree ORDER BY n");
    await queryClickHouse(url, "INSERT INTO a SELECT number FROM numbers(1000)");
    await clickhouse.kill();
    const killedAt = performance.now();
    const again = await clickhouse.start();
    expect(performance.now() - killedAt).toBeLessThan(2_000);
    expect(await queryClickHouse(again.url, "SELECT count() FROM a")).toBe("1000");
    await again.stop();
  });

  it("stops cleanly when asked, at once when idle", async () => {
    const server = await clickhouse.start();
    const askedAt = performance.now();
    await server.stop();
    expect(performance.now() - askedAt).toBeLessThan(2_000);
    expect(await server.exited).toEqual({ code: 0, signal: null });
    expect(await readFile(join(clickhouse.directory, "host.log"), "utf8")).not.toContain("Exception");
  });

  it("takes SIGTERM for the same request, and does not mind Ctrl-C", async () => {
    const server = await clickhouse.start();
    process.kill(server.pid, "SIGINT");
    process.kill(server.pid, "SIGHUP");
    await delay(200);
    expect(await queryClickHouse(server.url, "SELECT 1")).toBe("1");
    process.kill(server.pid, "SIGTERM");
    expect(await server.exited).toEqual({ code: 0, signal: null });
  });

  it("does not outlive its parent", async () => {
    const port = await chooseFreePort();
    const starter = `
      import { startClickHouse } from ${JSON.stringify(new URL("server.ts", import.meta.url).href)};
      const passwords = { owner: "o", reader: "r" };
      const options = { directory: process.argv[1], httpPort: Number(process.argv[2]), passwords };
      console.log((await startClickHouse(options)).pid);
      process.stdin.resume();
    `;
    const args = ["--input-type=module-typescript", "--eval", starter, clickhouse.directory, String(port)];
    const root = fileURLToPath(new URL("../../..", import.meta.url));
    const parent = spawn(process.execPath, args, { cwd: root, stdio: ["pipe", "pipe", "inherit"] });
    const pid = await new Promise<number>((done, failed) => {
      parent.once("exit", () => failed(new Error("it ended before the server was ready")));
      parent.stdout.once("data", (line: Buffer) => done(Number(line.toString())));
    });
    expect(isAlive(pid)).toBe(true);
    parent.kill("SIGKILL");
    await expect.poll(() => isAlive(pid), { timeout: 5_000 }).toBe(false);
  });

  it("waits for a predecessor on the same directory instead of working beside it", async () => {
    const first = await clickhouse.start();
    const second = clickhouse.start();
    await delay(500);
    expect(await queryClickHouse(first.url, "SELECT 1")).toBe("1");
    await first.stop();
    expect(await queryClickHouse((await second).url, "SELECT 1")).toBe("1");
    await (await second).stop();
  });

  it("says what is wrong when it cannot start", async () => {
    const running = await clickhouse.start();
    const other = await createTestClickHouse();
    const httpPort = Number(new URL(running.url).port);
    await expect(other.start({ httpPort })).rejects.toThrow(/Address already in use/);
    await other.remove();
    await running.stop();
  });

  it("says where the engine comes from when it is missing", async () => {
    const host = fileURLToPath(new URL("host.ts", import.meta.url));
    const child = spawn(process.execPath, [host, clickhouse.directory, "1"], {
      stdio: ["pipe", "ignore", "pipe"],
      env: { CHDB_LIBCHDB_DIR: clickhouse.directory },
    });
    let said = "";
    child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
    const code = await new Promise((done) => child.once("close", done));
    expect(code).toBe(1);
    expect(said).toMatch(/^The ClickHouse engine is missing: .*npm ci/);
  });
});

describe("two servers as two shards", () => {
  const shards: TestClickHouse[] = [];

  beforeAll(async () => {
    const ports = [await chooseFreePort(), await chooseFreePort()];
    const passwords = { owner: "sh<&>ard", reader: "r" };
    const remoteServers = {
      both: ports.map((tcpPort) => ({
        host: "127.0.0.1",
        tcpPort,
        user: OWNER,
        password: passwords.owner,
      })),
    };
    for (const tcpPort of ports) {
      const shard = await createTestClickHouse();
      shards.push(shard);
      await shard.start({ tcpPort, passwords, remoteServers });
    }
  });
  afterAll(() => Promise.all(shards.map((shard) => shard.remove())));

  it("writes and reads through a Distributed table, and takes a repeat under the same token once", async () => {
    const urls = shards.map(({ server }) => server.url);
    for (const url of urls) {
      await queryClickHouse(
        url,
        `CREATE TABLE rows_local (user UInt32, n UInt64) ENGINE = MergeTree ORDER BY user
         SETTINGS non_replicated_deduplication_window = 100`,
      );
      await queryClickHouse(
        url,
        "CREATE TABLE rows_all AS rows_local ENGINE = Distributed(both, millrace, rows_local, user)",
      );
    }
    const [url = "", otherUrl = ""] = urls;
    const insert = "INSERT INTO rows_all SELECT number % 100, number FROM numbers(10000)";
    for (let times = 0; times < 2; times += 1) {
      await queryClickHouse(url, insert, { insert_deduplication_token: "batch-1" });
    }
    const sql = "SELECT count(), sum(n), uniqExact(user) FROM rows_all";
    for (const each of urls) expect(await queryClickHouse(each, sql)).toBe("10000\t49995000\t100");
    const readUrls = shards.map(({ server }) => server.readUrl);
    for (const each of readUrls) expect(await queryClickHouse(each, sql)).toBe("10000\t49995000\t100");
    const local = await Promise.all(
      [url, otherUrl].map((each) => queryClickHouse(each, "SELECT count() FROM rows_local")),
    );
    expect(local.map(Number)).toEqual([5_000, 5_000]);
  });
});

/** Sends, waits a moment, and breaks the connection without a farewell. */
function sendAndLeave(port: number, bytes: string, afterMs: number): Promise<void> {
  return new Promise((done) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(Buffer.from(bytes, "latin1")));
    socket.resume();
    socket.on("error", () => undefined);
    socket.once("close", () => done());
    setTimeout(() => socket.resetAndDestroy(), afterMs);
  });
}
