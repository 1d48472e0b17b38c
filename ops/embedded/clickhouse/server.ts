// Starts the embedded ClickHouse server (host.ts) as a child process and waits until it answers.
// The rest of the project knows its URLs and @clickhouse/client, nothing of how it came to be.
import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { request } from "node:http";
import { join, resolve } from "node:path";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { MillraceError } from "#schemas/errors.ts";
import { writePrivateFile } from "../private-file.ts";
import {
  waitUntilReady,
  type RunningServer,
  type ServerExit,
  type ServerProcess,
  type StartHooks,
} from "../server-process.ts";
import {
  buildConfigXml,
  buildUsersXml,
  MEMORY_BYTES_DEFAULT,
  MEMORY_BYTES_MIN,
  OWNER,
  READER,
  type RemoteServers,
} from "./config.ts";
import type { SettleReport } from "./settle-parts.ts";

export type ClickHouseServer = RunningServer & {
  /** The user that only reads; `url` is the one that owns the database. Both hold user and password. */
  readonly readUrl: string;
  /** What an earlier crash had left undone and this start put right. */
  readonly settled: SettleReport;
};

export type ClickHouseOptions = {
  /** Made when it is not there; holds everything of this server. */
  directory: string;
  httpPort: number;
  /** Native protocol; only `Distributed` tables between servers need it. Closed when not given. */
  tcpPort?: number | undefined;
  passwords: { owner: string; reader: string };
  memoryBytesMax?: number | undefined;
  remoteServers?: RemoteServers | undefined;
  /** Marks the process with the installation it belongs to, so that a later start finds it (orphans.ts). */
  dataDir?: string | undefined;
  hooks?: StartHooks | undefined;
  log?: ((line: string) => void) | undefined;
};

const HOST = fileURLToPath(new URL("host.ts", import.meta.url));
/** Loading many tables takes its time, and a predecessor may still be closing its own (LOCK_WAIT_MS_MAX in host.ts). */
const READY_MS_MAX = 120_000;
const PROBE_MS_MAX = 2_000;
const STOP_MS_MAX = 10_000;
const SAID_CHARACTERS_MAX = 2_000;

/** @throws MillraceError SERVICE_UNAVAILABLE, with the engine's own words, when it does not start. */
export async function startClickHouse(options: ClickHouseOptions): Promise<ClickHouseServer> {
  const directory = resolve(options.directory);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  await writeConfiguration(directory, options);

  const { server, settled } = spawnHost(directory, options);
  const url = (user: string, password: string): string =>
    `http://${user}:${encodeURIComponent(password)}@127.0.0.1:${options.httpPort}`;
  const { owner, reader } = options.passwords;
  try {
    await waitUntilReady(server, {
      part: "clickhouse",
      logFile: join(directory, "server.log"),
      timeoutMs: READY_MS_MAX,
      probe: () => probe({ port: options.httpPort, password: owner, directory }),
      hooks: options.hooks,
    });
  } catch (error) {
    const said = (await readFile(join(directory, "host.log"), "utf8").catch(() => "")).trim();
    if (said === "" || !(error instanceof MillraceError)) throw error;
    throw new MillraceError("SERVICE_UNAVAILABLE", {
      message: `${error.message}. It said: ${said.slice(-SAID_CHARACTERS_MAX)}`,
      cause: error,
    });
  }
  return {
    ...server,
    url: url(OWNER, owner),
    readUrl: url(READER, reader),
    // Its line comes before the engine starts, so it is there when the engine answers.
    settled: await settled,
  };
}

async function writeConfiguration(directory: string, options: ClickHouseOptions): Promise<void> {
  const memoryBytesMax = Math.max(options.memoryBytesMax ?? MEMORY_BYTES_DEFAULT, MEMORY_BYTES_MIN);
  const usersPath = join(directory, "users.xml");
  await writePrivateFile(usersPath, buildUsersXml({ ...options.passwords, memoryBytesMax }));
  await writePrivateFile(
    join(directory, "config.xml"),
    buildConfigXml({
      usersPath,
      logPath: join(directory, "server.log"),
      memoryBytesMax,
      remoteServers: options.remoteServers ?? {},
    }),
  );
}

function spawnHost(
  directory: string,
  options: ClickHouseOptions,
): { server: ServerProcess; settled: Promise<SettleReport> } {
  const ports = [options.httpPort, ...(options.tcpPort === undefined ? [] : [options.tcpPort])].map(String);
  // The engine's own log is server.log, bounded by itself; this one holds what is said before that one is open.
  const hostLog = openSync(join(directory, "host.log"), "w", 0o600);
  let child: ChildProcess;
  try {
    child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", HOST, directory, ...ports], {
      // A group of its own: Ctrl-C in the terminal must not reach it before the tiers have drained.
      detached: true,
      stdio: ["pipe", "pipe", hostLog],
      // Nothing of the caller's environment matters. The engine takes its time zone from here, not from its config.
      env: {
        TZ: "UTC",
        ...(options.dataDir === undefined
          ? {}
          : { MILLRACE_DATA_DIR: options.dataDir, MILLRACE_PART: "clickhouse" }),
      },
    });
  } finally {
    closeSync(hostLog);
  }
  const { pid, stdin, stdout } = child;
  const exited = new Promise<ServerExit>((done) => {
    child.once("error", () => done({ code: null, signal: null }));
    child.once("exit", (code, signal) => done({ code, signal }));
  });
  if (pid === undefined || stdin === null || stdout === null) {
    throw new MillraceError("SERVICE_UNAVAILABLE", { message: `${process.execPath} could not be started.` });
  }
  // Closed by the other side when it is killed: that is told by `exited`.
  stdin.on("error", () => undefined);
  const settled = readSettleReport(stdout, options.log ?? (() => undefined));
  const stop = async (withinMs = STOP_MS_MAX): Promise<void> => {
    stdin.end();
    const timer = setTimeout(() => child.kill("SIGKILL"), withinMs);
    await exited;
    clearTimeout(timer);
  };
  const server = { pid, exited, stop };
  options.hooks?.onSpawn?.(server);
  return { server, settled };
}

/** Resolves with nothing to tell when the process ends before it has said a line. */
function readSettleReport(stdout: Readable, log: (line: string) => void): Promise<SettleReport> {
  return new Promise((done) => {
    let text = "";
    stdout.setEncoding("utf8");
    stdout.on("data", (chunk: string) => {
      const hadLine = text.includes("\n");
      if (!hadLine) text += chunk;
      if (hadLine || !text.includes("\n")) return;
      const report = JSON.parse(text.slice(0, text.indexOf("\n"))) as SettleReport;
      if (report.forgotten.length + report.damaged > 0) {
        log(`clickhouse: ${report.forgotten.length} interrupted inserts may be repeated`);
      }
      done(report);
    });
    stdout.once("close", () => done({ tables: 0, forgotten: [], damaged: 0 }));
  });
}

/** Ready means: this very server answers, not another one that happens to have the port. */
async function probe(target: { port: number; password: string; directory: string }): Promise<void> {
  const { status, text } = await post({
    port: target.port,
    auth: `${OWNER}:${target.password}`,
    body: "SELECT value FROM system.server_settings WHERE name = 'path'",
  });
  if (status !== 200) throw new Error(text.slice(0, SAID_CHARACTERS_MAX));
  if (resolve(text.trim()) !== join(target.directory, "data")) {
    throw new Error(`Another ClickHouse server answers on port ${target.port}: ${text.trim()}`);
  }
}

/** Not fetch: it would keep the connection, and a stop waits for connections (5 s). */
function post(query: {
  port: number;
  auth: string;
  body: string;
}): Promise<{ status: number; text: string }> {
  return new Promise((done, failed) => {
    const options = { host: "127.0.0.1", port: query.port, method: "POST", auth: query.auth, agent: false };
    const sent = request({ ...options, signal: AbortSignal.timeout(PROBE_MS_MAX) }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (text += chunk));
      response.once("end", () => done({ status: response.statusCode ?? 0, text }));
      response.once("error", failed);
    });
    sent.once("error", failed);
    sent.end(query.body);
  });
}
