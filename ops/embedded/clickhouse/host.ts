// The ClickHouse server's process: npm's chdb library, called through ffi-rs, with its HTTP listener switched on.
// Started by server.ts as `node host.ts <directory> <httpPort> [<tcpPort>]`; lives until its stdin closes, so that
// neither a stop nor the parent's death leaves a server behind.
import { closeSync, mkdirSync, openSync, writeSync } from "node:fs";
import { Socket } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { tryResolveLibchdb } from "chdb/libchdb";
import { createExternalBuffer, DataType, isNullPointer, load, open } from "ffi-rs";
import { buildStartSql } from "./config.ts";
import { createPipe, duplicate, duplicateFree, openLibc, openTerminal, tryLock, writeText } from "./libc.ts";
import { settleParts } from "./settle-parts.ts";

/** A predecessor whose parent died needs this long to finish its queries and close its tables. */
const LOCK_WAIT_MS_MAX = 30_000;
const LOCK_RETRY_MS = 50;
/** Ctrl-D, for the first 50 s of a start, and then from the stop on; a terminal takes 4,096 unread characters. */
const END_OF_INPUT = "\x04";
const TYPE_MS = 50;
const TYPED_MAX = 1_000;

const [directory, httpPort, tcpPort] = process.argv.slice(2);
if (directory === undefined || httpPort === undefined) {
  fail("usage: host.ts <directory> <httpPort> [<tcpPort>]");
}

const library = tryResolveLibchdb();
if (library === undefined) {
  fail(
    `The ClickHouse engine is missing: there is no package @chdb/lib-* for ${process.platform}-${process.arch}. ` +
      "It comes with the npm package chdb, for glibc Linux and macOS on x64 and arm64: run npm ci again, " +
      "without --omit=optional; elsewhere set MILLRACE_CLICKHOUSE_URL to a server of your own.",
  );
}

openLibc();
await lockDirectory(join(directory, "host.lock"));

const dataDirectory = join(directory, "data");
mkdirSync(dataDirectory, { recursive: true, mode: 0o700 });
// One line for server.ts: what an earlier crash left undone, and was put right. The engine's own words go nowhere.
writeSync(1, `${JSON.stringify(settleParts(dataDirectory))}\n`);
duplicate(openSync("/dev/null", "w"), 1);

// Its last statement waits for the end of a pipe that we close, because Node's stdin, a socket, cannot be opened by path.
const wait = createPipe() ?? fail("The operating system refused a pipe: too many open files?");
const parent = new Socket({ fd: duplicateFree(0), writable: false });

// With a terminal as stdin the engine takes itself for interactive. Otherwise it lets any error on a connection end
// the process: half a request and then silence, a failed login on the native port (26.7: tried, aborts every time).
const terminal = openTerminal();
if (terminal === undefined) {
  process.stderr.write("No pseudo-terminal to be had: a client that breaks off may end the server.\n");
} else {
  duplicate(terminal.terminal, 0);
  // Ends the prompt that an interactive engine shows after its statements, also after one that failed. What is typed
  // before the prompt is there may be lost, so it is typed again and again; while it waits, nobody reads.
  let typed = 0;
  setInterval(() => {
    if (typed >= TYPED_MAX && !closing) return;
    typed += 1;
    writeSync(terminal.controller, END_OF_INPUT);
  }, TYPE_MS);
}

let closing = false;
parent.resume().once("end", close).once("error", close);
process.once("SIGTERM", close);
// Ctrl-C, and the end of the terminal above.
for (const ignored of ["SIGINT", "SIGHUP"] as const) process.on(ignored, () => undefined);

open({ library: "libchdb", path: library.path });
const args = [
  "clickhouse",
  ...["--path", dataDirectory],
  ...["--config-file", join(directory, "config.xml")],
  ...["--log-level", "warning"],
  ...["--listen_host", "127.0.0.1"],
  ...["--http_port", httpPort],
  ...(tcpPort === undefined ? [] : ["--tcp_port", tcpPort]),
  ...["--interactive", "--disable_suggestion", "--progress", "off"],
  ...["--history_file", "/dev/null"],
  ...["--query", buildStartSql(`/dev/fd/${wait.read}`, tcpPort !== undefined)],
];
const result = await load({
  library: "libchdb",
  funcName: "query_stable_v2",
  retType: DataType.External,
  paramsType: [DataType.I32, DataType.StringArray],
  paramsValue: [args.length, args],
  runInNewThread: true,
});
// struct local_result_v2: its seventh field, at byte 48, points to an error message.
const failure = isNullPointer(result) ? 0 : Number(createExternalBuffer(result, 56).readBigUInt64LE(48));
if (failure !== 0) writeText(2, failure);
process.exit(closing && failure === 0 ? 0 : 1);

function close(): void {
  if (closing) return;
  closing = true;
  closeSync(wait.write);
}

/** Holds the directory for the life of this process: settling parts under a running server would lose data. */
async function lockDirectory(path: string): Promise<void> {
  const descriptor = openSync(path, "a", 0o600);
  for (let waitedMs = 0; !tryLock(descriptor); waitedMs += LOCK_RETRY_MS) {
    if (waitedMs >= LOCK_WAIT_MS_MAX) {
      fail(`Another ClickHouse server still runs on ${dirname(path)}; stop it first.`);
    }
    await delay(LOCK_RETRY_MS);
  }
}

function fail(sentence: string): never {
  process.stderr.write(`${sentence}\n`);
  process.exit(1);
}
