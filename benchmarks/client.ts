// `npm run bench -- client [--seconds 10] [--processes 1,2] [--batches 100,1000] [--rate 200] [--no-write]`
// Our own client (`millrace/client`) against a whole installation: events a second of a process, CPU and memory that it
// costs the program that sends, and that every event that `track` answered for is stored once.
// The benchmark of the server (`bench -- ingest`) does not send with it: a load generator has to be cheaper than what it
// measures, and this client makes ids, keeps a queue, encodes each event and has one request under way, as a program's
// client should.
import { execFile } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import type { ClientLoadOptions, ClientLoadResult } from "./harness/client-load.ts";
import { startInstallation } from "./harness/installation-processes.ts";
import { writeResult } from "./harness/write-result.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "10" },
    processes: { type: "string", default: "1,2" },
    batches: { type: "string", default: "100,1000" },
    /** Events a second of the paced case. */
    rate: { type: "string", default: "200" },
    write: { type: "boolean", default: true },
  },
  allowNegative: true,
});

const load = fileURLToPath(new URL("./harness/client-load.ts", import.meta.url));
const settleMsMax = 120_000;
const run = promisify(execFile);
const numbers = (list: string): number[] => list.split(",").map(Number);

interface Case {
  readonly name: string;
  readonly processes: number;
  readonly batchEvents: number;
  readonly rate: number;
}

const cases: Case[] = [
  ...numbers(values.processes).flatMap((processes) =>
    numbers(values.batches).map((batchEvents) => ({
      name: `${processes} ${processes === 1 ? "process" : "processes"}, ${batchEvents} events a request`,
      processes,
      batchEvents,
      rate: 0,
    })),
  ),
  {
    name: `1 process, ${values.rate} events a second`,
    processes: 1,
    batchEvents: 100,
    rate: Number(values.rate),
  },
];

const installation = await startInstallation();
const url = `http://127.0.0.1:${installation.port}`;

async function countStored(event: string): Promise<number> {
  const response = await fetch(`${url}/v1/query/trends`, {
    method: "POST",
    headers: { authorization: `Bearer ${installation.keys.read}`, "content-type": "application/json" },
    body: JSON.stringify({
      from: new Date(Date.now() - 24 * 3600 * 1000).toISOString(),
      to: new Date(Date.now() + 3600 * 1000).toISOString(),
      series: [{ event, math: "total" }],
    }),
  });
  if (!response.ok) throw new Error(`trends: ${response.status} ${await response.text()}`);
  const answer = (await response.json()) as { series: { total: number }[] };
  return answer.series[0]?.total ?? 0;
}

async function isStored(id: string): Promise<boolean> {
  const response = await fetch(`${url}/v1/events/${encodeURIComponent(id)}`, {
    headers: { authorization: `Bearer ${installation.keys.read}` },
  });
  return ((await response.json()) as { status?: string }).status === "stored";
}

async function measure(each: Case, index: number): Promise<object> {
  const event = `client_case_${index}`;
  const options: ClientLoadOptions = {
    url,
    key: installation.keys.write,
    event,
    seconds: Number(values.seconds),
    batchEvents: each.batchEvents,
    rate: each.rate,
  };
  const results = await Promise.all(
    Array.from({ length: each.processes }, async () => {
      const { stdout } = await run(process.execPath, [load, JSON.stringify(options)]);
      return JSON.parse(stdout) as ClientLoadResult;
    }),
  );
  const sum = (read: (result: ClientLoadResult) => number): number =>
    results.reduce((total, result) => total + read(result), 0);
  const tracked = sum((result) => result.tracked);
  if (sum(({ accepted }) => accepted) !== tracked) {
    throw new Error(`${each.name}: not everything was accepted: ${JSON.stringify(results)}`);
  }
  const deadlineMs = Date.now() + settleMsMax;
  let stored = await countStored(event);
  while (stored < tracked && Date.now() < deadlineMs) {
    await sleep(200);
    stored = await countStored(event);
  }
  if (stored !== tracked) throw new Error(`${each.name}: ${stored} stored of ${tracked}`);
  for (const id of results.flatMap(({ ids }) => ids)) {
    if (!(await isStored(id))) throw new Error(`${each.name}: ${id} was answered by track and is not stored`);
  }
  const measured = {
    name: each.name,
    tracked,
    eventsPerSecond: Math.round(sum((result) => result.tracked / result.seconds)),
    cpuMicrosecondsPerEvent: Math.round((sum(({ cpuSeconds }) => cpuSeconds) / tracked) * 1e7) / 10,
    cpuShare: Math.round(sum(({ cpuSeconds, seconds }) => cpuSeconds / seconds) * 1000) / 10,
    residentMbBefore: Math.max(...results.map(({ residentMbBefore }) => residentMbBefore)),
    residentMbMax: Math.max(...results.map(({ residentMbMax }) => residentMbMax)),
    retries: sum(({ retries }) => retries),
  };
  console.log(measured);
  return measured;
}

function rowOf(row: Record<string, unknown>): string {
  const number = (name: string): string => Number(row[name]).toLocaleString("en");
  return `| ${String(row["name"])} | ${number("tracked")} | ${number("eventsPerSecond")} | ${number("cpuMicrosecondsPerEvent")} | ${number("cpuShare")} | ${number("residentMbBefore")} → ${number("residentMbMax")} | ${number("retries")} |`;
}

try {
  const measured: Record<string, unknown>[] = [];
  for (const [index, each] of cases.entries()) {
    measured.push((await measure(each, index)) as Record<string, unknown>);
  }
  const table = [
    "Whole programs with `millrace/client`, the installation on the same machine. Every event that `track` answered for was stored once; ids were looked up one by one from each process.",
    "",
    "| | events | events/s | CPU µs an event | CPU % | MB | retries |",
    "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ...measured.map(rowOf),
  ].join("\n");
  const options = { seconds: Number(values.seconds) };
  if (values.write) await writeResult({ name: "client", options, result: measured, table });
  else console.log(`\n${table}`);
} finally {
  await installation.stop();
}
