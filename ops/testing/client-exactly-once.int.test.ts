// Programs that send with our own client, as installed, while everything between them and the store fails: answers are
// lost, requests are refused, the edge and the workers are killed with -9, and the programs too. Every event that
// `track` has answered for is stored, and stored once.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startRefusingProxy, type RefusingProxy } from "#ingest/testing/refusing-proxy.ts";
import { startEdgeProcess } from "./edge-process.ts";
import { chooseFreePort } from "./free-port.ts";
import { startBed, type Bed } from "#workers/testing/worker-processes.ts";

const checkout = resolve(import.meta.dirname, "../..");
const keys = { write: "client_write", read: "client_read", admin: "client_admin" };
const settings = {
  MILLRACE_WRITE_KEY: keys.write,
  MILLRACE_READ_KEY: keys.read,
  MILLRACE_ADMIN_KEY: keys.admin,
};

/** Prints the id of each event once `track` has answered for it. Runs on any Node from 20 on. */
const program = `
  import { createClient } from "millrace/client";
  import { EventFile } from "millrace/client/event-file";
  import { writeSync } from "node:fs";
  const [url, key, folder, name, count, everyMs] = process.argv.slice(1);
  const client = createClient({
    url, key, batchEvents: 20, flushEveryMs: 20, retryMsMax: 500, flushOnExit: true, exitMsMax: 60_000,
    ...(folder === "" ? {} : { storage: new EventFile(folder) }),
    onLost: (event, code) => writeSync(1, "lost " + event.event_id + " " + code + "\\n"),
  });
  for (let n = 0; n < Number(count); n += 1) {
    const id = client.track("sent", { n }, { userId: "user-" + (n % 13), eventId: name + "-" + n });
    writeSync(1, id + "\\n");
    if (Number(everyMs) > 0) await new Promise((resolve) => setTimeout(resolve, Number(everyMs)));
  }
`;

let bed: Bed;
let proxy: RefusingProxy;
let edge: ChildProcess;
let port: number;
let folder: string;
let edgeFolder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-client-"));
  edgeFolder = await mkdtemp(join(tmpdir(), "millrace-edge-"));
  bed = await startBed();
  port = await chooseFreePort();
  proxy = await startRefusingProxy(port);
  bed.startWorkers("client", settings);
  edge = startEdgeProcess(bed, { folder: edgeFolder, port });
  await answers();
}, 120_000);

afterAll(async () => {
  edge?.kill("SIGKILL");
  await proxy?.stop();
  await bed?.close();
  await rm(folder, { recursive: true, force: true });
  await rm(edgeFolder, { recursive: true, force: true });
});

async function answers(): Promise<void> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const response = await fetch(`http://127.0.0.1:${port}/healthz`).catch(() => undefined);
    if (response?.status === 200) return;
    if (Date.now() > deadline) throw new Error("the edge does not answer");
    await sleep(100);
  }
}

interface Program {
  readonly child: ChildProcess;
  readonly lines: string[];
  readonly exit: Promise<unknown[]>;
}

function startProgram(name: string, options: { count: number; everyMs: number; keeps: boolean }): Program {
  const args = [proxy.url, keys.write, options.keeps ? folder : "", name];
  const child = spawn(
    process.execPath,
    ["--input-type=module", "-e", program, ...args, String(options.count), String(options.everyMs)],
    { cwd: checkout, stdio: ["ignore", "pipe", "inherit"] },
  );
  const lines: string[] = [];
  let rest = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    const parts = (rest + chunk.toString()).split("\n");
    rest = parts.pop() as string;
    lines.push(...parts);
  });
  return { child, lines, exit: once(child, "close") };
}

async function stored(prefix: string): Promise<{ rows: number; ids: Set<string> }> {
  const result = await bed.clickhouse.query({
    query: "SELECT event_id FROM events WHERE startsWith(event_id, {prefix:String})",
    query_params: { prefix },
    format: "JSONEachRow",
  });
  const rows = await result.json<{ event_id: string }>();
  return { rows: rows.length, ids: new Set(rows.map(({ event_id: id }) => id)) };
}

/** Everything that was promised is stored, and nothing is stored twice. */
async function expectExactlyOnce(prefix: string, promised: readonly string[], more: number): Promise<void> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const { ids } = await stored(prefix);
    if (promised.every((id) => ids.has(id)) || Date.now() > deadline) break;
    await sleep(200);
  }
  // What is processed now would show a second copy.
  await sleep(2_500);
  const { rows, ids } = await stored(prefix);
  expect(promised.filter((id) => !ids.has(id))).toEqual([]);
  expect(rows).toBe(ids.size);
  expect(ids.size - new Set(promised).size).toBeLessThanOrEqual(more);
}

test(
  "through refusals and lost answers, with the edge and the workers killed in between",
  { timeout: 120_000 },
  async () => {
    const sender = startProgram("trouble", { count: 1_500, everyMs: 4, keeps: false });
    const workers = bed.startWorkers("client-2", settings);
    for (let round = 0; round < 3; round += 1) {
      proxy.refuse(
        { status: 503, delivers: true },
        { status: 429, retryAfterSeconds: 1 },
        { status: 500, delivers: true },
        { status: 503, retryAfterSeconds: 1 },
      );
      await sleep(1_200);
      edge.kill("SIGKILL");
      await once(edge, "exit");
      await sleep(300);
      edge = startEdgeProcess(bed, { folder: edgeFolder, port });
      await answers();
      if (round === 1) workers.kill("SIGKILL");
    }
    expect(await sender.exit).toEqual([0, null]);
    expect(sender.lines).toHaveLength(1_500);
    expect(proxy.seen.some(({ status }) => status === 429)).toBe(true);
    await expectExactlyOnce("trouble-", sender.lines, 0);
  },
);

test(
  "programs that keep their events in a folder may be killed with -9 at any moment",
  { timeout: 120_000 },
  async () => {
    const promised: string[] = [];
    let kills = 0;
    for (let life = 0; life < 6; life += 1) {
      proxy.refuse({ status: 503, retryAfterSeconds: 1 }, { status: 500, delivers: true });
      const sender = startProgram(`killed-${life}`, { count: 2_000, everyMs: 1, keeps: true });
      await sleep(500 + Math.random() * 700);
      sender.child.kill("SIGKILL");
      await sender.exit;
      expect(sender.lines.length).toBeGreaterThan(0);
      promised.push(...sender.lines);
      kills += 1;
    }
    const last = startProgram("killed-last", { count: 10, everyMs: 0, keeps: true });
    expect(await last.exit).toEqual([0, null]);
    promised.push(...last.lines);
    // An event may have been taken, and the kill have come before its line.
    await expectExactlyOnce("killed-", promised, kills);
    const left = (await readdir(folder)).map((name) => readFileSync(join(folder, name), "utf8"));
    expect(left.join("")).toBe("");
  },
);

test("a program that is told to stop sends what it has first", { timeout: 60_000 }, async () => {
  proxy.refuse({ status: 503, retryAfterSeconds: 2 });
  const sender = startProgram("stopped", { count: 100_000, everyMs: 1, keeps: false });
  while (sender.lines.length < 300) await sleep(20);
  const before = [...sender.lines];
  sender.child.kill("SIGTERM");
  await sender.exit;
  expect(sender.child.signalCode).toBe("SIGTERM");
  // It goes on tracking until it ends: what comes after the signal may be lost.
  await expectExactlyOnce("stopped-", before, Number.POSITIVE_INFINITY);
});
