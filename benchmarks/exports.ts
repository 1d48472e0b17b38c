// `npm run bench -- exports [--events 10000000] [--formats ndjson,csv,parquet] [--write]`
// All events of a project through the edge, in every format: rows and bytes a second, and the memory of every part
// while the stream flows. The same for a reader that pauses, whose pauses must cost no memory.
import { spawn } from "node:child_process";
import { get } from "node:http";
import type { IncomingMessage } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { exportFormats } from "#schemas/query/export.ts";
import { startInstallation, type BenchInstallation } from "./harness/installation-processes.ts";
import { writeResult } from "./harness/write-result.ts";

const { values } = parseArgs({
  options: {
    events: { type: "string", default: "10000000" },
    formats: { type: "string", default: exportFormats.join(",") },
    write: { type: "boolean", default: false },
  },
});
const events = Number(values.events.replaceAll("_", ""));

const formats = values.formats.split(",");

const sampleMs = 250;
/** The slow reader's pace. */
const slowBytesPerSecond = 20_000_000;
const slowSecondsMax = 20;

interface ExportCase {
  readonly name: string;
  readonly parameters: string;
  readonly slow?: boolean;
}

const cases: readonly ExportCase[] = [
  { name: "NDJSON", parameters: "format=ndjson" },
  { name: "NDJSON, gzip", parameters: "format=ndjson&gzip=true" },
  { name: "CSV", parameters: "format=csv" },
  { name: "Parquet", parameters: "format=parquet" },
  { name: `NDJSON, a reader of ${slowBytesPerSecond / 1e6} MB/s`, parameters: "format=ndjson", slow: true },
];

interface Measured {
  name: string;
  seconds: number;
  firstByteMs: number;
  bytes: number;
  /** Of NDJSON: lines. */
  rows: number | undefined;
  whole: boolean;
  residentMbBefore: Record<string, number>;
  residentMbMax: Record<string, number>;
}

function generate(dataDir: string): Promise<void> {
  const script = fileURLToPath(new URL("./generate.ts", import.meta.url));
  const child = spawn(process.execPath, [script, "--events", String(events), "--data-dir", dataDir], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) =>
      code === 0 ? resolve() : reject(new Error(`generating ended with ${code}`)),
    );
  });
}

async function open(installation: BenchInstallation, parameters: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get(
      `http://127.0.0.1:${installation.port}/v1/export/events?${parameters}`,
      { headers: { authorization: `Bearer ${installation.keys.read}` } },
      (response) =>
        response.statusCode === 200
          ? resolve(response)
          : reject(new Error(`answered ${response.statusCode}`)),
    ).once("error", reject);
  });
}

async function measure(installation: BenchInstallation, each: ExportCase): Promise<Measured> {
  const before = (await installation.readUsage()).residentMb;
  const highest: Record<string, number> = { ...before };
  const sampling = new AbortController();
  const sampler = (async () => {
    while (!sampling.signal.aborted) {
      for (const [part, megabytes] of Object.entries((await installation.readUsage()).residentMb)) {
        highest[part] = Math.max(highest[part] ?? 0, megabytes);
      }
      await sleep(sampleMs);
    }
  })();
  const startedMs = performance.now();
  const response = await open(installation, each.parameters);
  const firstByteMs = performance.now() - startedMs;
  let bytes = 0;
  let lines = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) lines += 1;
    const elapsedMs = performance.now() - startedMs;
    if (each.slow === true) {
      if (elapsedMs > slowSecondsMax * 1000) break;
      await sleep(Math.max(0, (bytes / slowBytesPerSecond) * 1000 - elapsedMs));
    }
  }
  const seconds = (performance.now() - startedMs) / 1000;
  sampling.abort();
  await sampler;
  return {
    name: each.name,
    seconds,
    firstByteMs,
    bytes,
    rows: each.parameters === "format=ndjson" ? lines : undefined,
    whole: each.slow !== true && response.complete,
    residentMbBefore: before,
    residentMbMax: highest,
  };
}

function describe(results: readonly Measured[]): string {
  const parts = ["query", "ingest", "clickhouse", "nats-server"];
  const rows = results.map(
    ({ name, seconds, bytes, firstByteMs, whole, residentMbBefore, residentMbMax }) => {
      const memory = parts.map((part) => `${residentMbBefore[part] ?? 0} → ${residentMbMax[part] ?? 0}`);
      const rowsPerSecond = whole ? Math.round(events / seconds).toLocaleString("en") : "";
      return `| ${name} | ${seconds.toFixed(1)} | ${firstByteMs.toFixed(0)} | ${(bytes / 1e6).toFixed(0)} | ${rowsPerSecond} | ${memory.join(" | ")} |`;
    },
  );
  return [
    `${events.toLocaleString("en")} events; memory is resident MB before → highest while the stream flows.`,
    "",
    `| export | seconds | first byte ms | MB | rows/s | ${parts.join(" | ")} |`,
    "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ...rows,
  ].join("\n");
}

const installation = await startInstallation();
try {
  await generate(installation.dataDir);
  const results: Measured[] = [];
  const chosen = cases.filter(({ parameters }) => formats.some((format) => parameters.includes(format)));
  for (const each of chosen) {
    const measured = await measure(installation, each);
    if (each.slow !== true && !measured.whole) throw new Error(`${each.name}: the stream broke off`);
    if (measured.whole && measured.rows !== undefined && measured.rows !== events) {
      throw new Error(`${each.name}: ${measured.rows} rows instead of ${events}`);
    }
    console.log(
      `${each.name}: ${measured.seconds.toFixed(1)} s, query at most ${measured.residentMbMax["query"]} MB`,
    );
    results.push(measured);
  }
  const table = describe(results);
  if (values.write)
    await writeResult({ name: "exports", options: { events, formats }, result: results, table });
  else console.log(`\n${table}`);
} finally {
  await installation.stop();
}
