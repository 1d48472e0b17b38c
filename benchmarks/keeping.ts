// `npm run bench -- keeping [--events 20000000] [--people 1000] [--data-dir <of a running installation> --port 8080] [--write]`
// What removing costs on a table of many events, while others go on sending: one person, many people, a month, a month
// into an archive and back. Time, CPU and the highest memory of every part, and how long senders wait meanwhile.
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import {
  readUsage,
  startInstallation,
  type BenchInstallation,
  type Usage,
} from "./harness/installation-processes.ts";
import { writeResult } from "./harness/write-result.ts";

const { values } = parseArgs({
  options: {
    events: { type: "string", default: "20000000" },
    days: { type: "string", default: "180" },
    people: { type: "string", default: "1000" },
    /** Events a second that are sent all the time. */
    rate: { type: "string", default: "500" },
    "data-dir": { type: "string" },
    /** Where another run on the same data ended: whom and what it has left. */
    "first-person": { type: "string", default: "1000" },
    "first-month": { type: "string", default: "" },
    port: { type: "string", default: "8080" },
    write: { type: "boolean", default: false },
  },
});
const events = Number(values.events.replaceAll("_", ""));
const people = Number(values.people);
const rate = Number(values.rate);

const sampleMs = 250;
const pollMs = 100;
const sendEveryMs = 200;
const idleSeconds = 10;
const restoreDays = 14;
const waitMsMax = 3_600_000;
const dayMs = 86_400_000;
const shownParts = ["workers", "clickhouse"];

type Installed = Pick<BenchInstallation, "port" | "dataDir" | "keys" | "readUsage" | "stop">;

interface Stage {
  readonly name: string;
  readonly seconds: number;
  readonly cpuSeconds: Record<string, number>;
  readonly residentMbBefore: Record<string, number>;
  readonly residentMbMax: Record<string, number>;
  readonly sendMs: { readonly median: number; readonly p99: number; readonly max: number };
  readonly events: number | undefined;
}

async function attach(dataDir: string): Promise<Installed> {
  const keys = JSON.parse(await readFile(join(dataDir, "keys.json"), "utf8")) as BenchInstallation["keys"];
  return {
    port: Number(values.port),
    dataDir,
    keys,
    readUsage: () => readUsage(dataDir),
    stop: async () => {},
  };
}

async function generateInto(dataDir: string): Promise<void> {
  const script = fileURLToPath(new URL("./generate.ts", import.meta.url));
  const given = ["--events", String(events), "--days", values.days, "--data-dir", dataDir];
  const child = spawn(process.execPath, [script, ...given], { stdio: ["ignore", "ignore", "inherit"] });
  await new Promise<void>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) =>
      code === 0 ? resolve() : reject(new Error(`generating ended with ${code}`)),
    );
  });
}

const installation =
  values["data-dir"] === undefined ? await startInstallation() : await attach(values["data-dir"]);
const { keys } = installation;

async function ask<T>(method: string, path: string, body?: object, key = keys.admin): Promise<T> {
  const response = await fetch(`http://127.0.0.1:${installation.port}${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return JSON.parse(text) as T;
}

/** Whoever sends goes on with it, one batch after the other. */
class Sender {
  readonly ms: number[] = [];
  sent = 0;
  #stopped = false;
  #running: Promise<void> | undefined;

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    const batchEvents = Math.max(1, Math.round((rate * sendEveryMs) / 1000));
    for (let tick = 0, dueMs = performance.now(); !this.#stopped; tick += 1, dueMs += sendEveryMs) {
      await sleep(Math.max(0, dueMs - performance.now()));
      const batch = Array.from({ length: batchEvents }, (_, index) => ({
        event: "sent_meanwhile",
        event_id: `meanwhile-${process.pid}-${tick}-${index}`,
        user_id: `meanwhile-${(tick * batchEvents + index) % 5_000}`,
        properties: { index },
      }));
      const startedMs = performance.now();
      const response = await fetch(`http://127.0.0.1:${installation.port}/v1/events`, {
        method: "POST",
        headers: { authorization: `Bearer ${keys.write}`, "content-type": "application/json" },
        body: JSON.stringify({ batch }),
      });
      await response.text();
      if (response.status !== 202) throw new Error(`a sender was answered ${response.status}`);
      this.ms.push(performance.now() - startedMs);
      this.sent += batchEvents;
    }
  }
}

const sender = new Sender();
const stages: Stage[] = [];

async function measure(name: string, work: () => Promise<number | undefined>): Promise<void> {
  const before = await installation.readUsage();
  const highest: Record<string, number> = { ...before.residentMb };
  const sampling = new AbortController();
  const sampler = (async () => {
    while (!sampling.signal.aborted) {
      for (const [part, megabytes] of Object.entries((await installation.readUsage()).residentMb)) {
        highest[part] = Math.max(highest[part] ?? 0, megabytes);
      }
      await sleep(sampleMs);
    }
  })();
  const firstSend = sender.ms.length;
  const startedMs = performance.now();
  const found = await work();
  const seconds = (performance.now() - startedMs) / 1000;
  sampling.abort();
  await sampler;
  const after: Usage = await installation.readUsage();
  const waits = sender.ms.slice(firstSend).toSorted((a, b) => a - b);
  const at = (share: number): number =>
    Math.round(waits[Math.min(waits.length - 1, Math.floor(waits.length * share))] ?? 0);
  const cpuSeconds = Object.fromEntries(
    Object.entries(after.cpuSeconds).map(([part, value]) => [
      part,
      Math.round((value - (before.cpuSeconds[part] ?? 0)) * 10) / 10,
    ]),
  );
  const stage: Stage = {
    name,
    seconds: Math.round(seconds * 10) / 10,
    cpuSeconds,
    residentMbBefore: before.residentMb,
    residentMbMax: highest,
    sendMs: { median: at(0.5), p99: at(0.99), max: at(1) },
    events: found,
  };
  stages.push(stage);
  console.log(rowOf(stage));
}

async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  const deadlineMs = performance.now() + waitMsMax;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > deadlineMs) throw new Error("waited too long");
    await sleep(pollMs);
  }
}

/** The generated people with numbers from `first` on; resolves with the number of their events. */
async function erase(first: number, count: number): Promise<number> {
  const waiting: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const { erasure_id: id } = await ask<{ erasure_id: string }>("DELETE", `/v1/users/gen_${first + index}`);
    waiting.push(id);
  }
  let removed = 0;
  while (waiting.length > 0) {
    const id = waiting[0] as string;
    const done = await until(async () => {
      const receipt = await ask<{ state: string; removed: { events?: number } }>("GET", `/v1/erasures/${id}`);
      return receipt.state === "done" ? receipt : undefined;
    });
    removed += done.removed.events ?? 0;
    waiting.shift();
  }
  return removed;
}

/** Months that have ended, the oldest first. */
function pastMonths(): { name: string; endMs: number }[] {
  const months: { name: string; endMs: number }[] = [];
  const firstMs = Date.now() - Number(values.days) * dayMs;
  for (let month = new Date(firstMs); ;) {
    const endMs = Date.UTC(month.getUTCFullYear(), month.getUTCMonth() + 1, 1);
    if (endMs > Date.now()) return months;
    months.push({ name: new Date(endMs - dayMs).toISOString().slice(0, 7), endMs });
    month = new Date(endMs);
  }
}

/** Resolves when nothing of the month is left but its archive, and it may be asked for again. */
async function removeMonth(month: { name: string; endMs: number }, archive: "none" | "disk"): Promise<void> {
  const rawDays = Math.floor((Date.now() - month.endMs) / dayMs);
  await ask("PUT", "/v1/projects/default/retention", { raw_days: rawDays, archive });
  await until(async () => {
    const { raw_gone: gone } = await ask<{ raw_gone: unknown[] }>("GET", "/v1/projects/default/retention");
    return JSON.stringify(gone).includes(month.name) ? true : undefined;
  });
  // It is gone for whoever asks before its rows are: a restore is refused until they are, too.
  await until(async () => {
    try {
      // For as long as the next stage wants it: that stage waits until it is back.
      await ask("POST", "/v1/archives/restore", { months: [month.name], keep_days: restoreDays });
      return true;
    } catch (error) {
      const { message } = error as Error;
      if (message.includes("ARCHIVE_NOT_FOUND")) return true;
      if (!message.includes("CONFLICT")) throw error;
      return undefined;
    }
  });
}

interface Archives {
  archives: { month: string; rows: number }[];
  restores: { month: string; state: string }[];
}

async function rowsOfArchive(month: string): Promise<number> {
  const { archives } = await ask<Archives>("GET", "/v1/archives");
  return archives.filter((each) => each.month === month).reduce((sum, { rows }) => sum + rows, 0);
}

async function restore(month: string): Promise<void> {
  await until(async () => {
    const { restores } = await ask<Archives>("GET", "/v1/archives");
    return restores.some((each) => each.month === month && each.state === "restored") ? true : undefined;
  });
}

async function countStored(): Promise<number> {
  const asked = {
    from: new Date(Date.now() - dayMs).toISOString(),
    to: new Date(Date.now() + dayMs).toISOString(),
    series: [{ event: "sent_meanwhile", math: "total" }],
  };
  const { series } = await ask<{ series: { total: number }[] }>("POST", "/v1/query/trends", asked, keys.read);
  return series[0]?.total ?? 0;
}

function rowOf({
  name,
  seconds,
  cpuSeconds,
  residentMbBefore,
  residentMbMax,
  sendMs,
  events: rows,
}: Stage): string {
  const costs = shownParts.map(
    (part) => `${cpuSeconds[part] ?? 0} | ${residentMbBefore[part] ?? 0} → ${residentMbMax[part] ?? 0}`,
  );
  const { median, p99, max } = sendMs;
  return `| ${name} | ${rows?.toLocaleString("en") ?? ""} | ${seconds} | ${costs.join(" | ")} | ${median} / ${p99} / ${max} |`;
}

try {
  if (values["data-dir"] === undefined) await generateInto(installation.dataDir);
  const before = await countStored();
  const [first, second] = pastMonths().filter(({ name }) => name >= values["first-month"]);
  if (first === undefined || second === undefined) throw new Error("the data has no two whole months");
  sender.start();
  await measure("nothing else", async () => {
    await sleep(idleSeconds * 1000);
    return undefined;
  });
  const firstPerson = Number(values["first-person"]);
  await measure("one person", () => erase(firstPerson, 1));
  await measure(`${people.toLocaleString("en")} people`, () => erase(firstPerson + 1, people));
  await measure(`removal of ${first.name}`, async () => {
    await removeMonth(first, "none");
    return undefined;
  });
  await measure(`archive and removal of ${second.name}`, async () => {
    await removeMonth(second, "disk");
    return rowsOfArchive(second.name);
  });
  await measure(`restore of ${second.name}`, async () => {
    await restore(second.name);
    return rowsOfArchive(second.name);
  });
  await sender.stop();
  const stored = await until(async () => {
    const count = (await countStored()) - before;
    return count >= sender.sent ? count : undefined;
  });
  if (stored !== sender.sent) throw new Error(`${stored} stored of ${sender.sent} that were sent meanwhile`);
  const table = [
    `${events.toLocaleString("en")} events over ${values.days} days; ${rate} events a second are sent all the time, and all ${sender.sent.toLocaleString("en")} were stored once.`,
    "",
    `| | events | seconds | ${shownParts.map((part) => `${part} CPU s | ${part} MB`).join(" | ")} | senders wait ms, median / p99 / max |`,
    `| --- | ---: | ---: | ${shownParts.map(() => "---: | ---:").join(" | ")} | ---: |`,
    ...stages.map(rowOf),
  ].join("\n");
  const options = { events, people, rate, days: Number(values.days) };
  if (values.write) await writeResult({ name: "keeping", options, result: stages, table });
  else console.log(`\n${table}`);
} finally {
  await sender.stop().catch(() => {});
  await installation.stop();
}
