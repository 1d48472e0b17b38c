// The redirect benchmark's table, on the screen and in benchmarks/results/.
import type { LoadResult } from "../harness/load-generator.ts";
import { writeResult } from "../harness/write-result.ts";
import type { RedirectServer } from "./servers.ts";
import type { WholeResult } from "./whole.ts";

export interface RedirectResult {
  name: string;
  kind: RedirectServer;
  load: LoadResult;
  cpuUs: number;
  /** Of this run, its warm-up included; undefined for the bare server. */
  clicksInLog: number | undefined;
}

export interface Flooded {
  requestsPerSecond: number;
  latencyMs: LoadResult["latencyMs"];
  failures: number;
  lookups: number;
  lookupsOfOneCodeMax: number;
}

/** The run in the middle by rate: one disturbed run does not count. */
function median(runs: readonly RedirectResult[]): RedirectResult {
  const sorted = runs.toSorted((a, b) => a.load.requestsPerSecond - b.load.requestsPerSecond);
  return sorted[Math.floor(sorted.length / 2)] as RedirectResult;
}

function buildTable(
  results: readonly RedirectResult[],
  flooded: Flooded | undefined,
  whole: WholeResult | undefined,
): string {
  const lines = [
    "| Case | Server | redirects/s | of bare | p50 ms | p99 ms | CPU µs a redirect | failures |",
    "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
  ];
  const groups = new Map<string, RedirectResult[]>();
  for (const result of results) {
    const key = `${result.name}|${result.kind}`;
    groups.set(key, [...(groups.get(key) ?? []), result]);
  }
  for (const [key, runs] of groups) {
    const { name, kind, load, cpuUs } = median(runs);
    const bare = groups.get(`${name}|bare`);
    const part =
      bare === undefined || key.endsWith("|bare") ? undefined : median(bare).load.requestsPerSecond;
    const failures = runs.reduce((sum, run) => sum + run.load.failures, 0);
    lines.push(
      `| ${name} | ${kind} | ${load.requestsPerSecond.toLocaleString("en")} | ` +
        `${part === undefined ? "" : `${Math.round((load.requestsPerSecond / part) * 100)} %`} | ` +
        `${load.latencyMs.p50} | ${load.latencyMs.p99} | ${cpuUs} | ${failures} |`,
    );
  }
  if (flooded !== undefined) {
    lines.push(
      "",
      `Flood: ${flooded.requestsPerSecond.toLocaleString("en")} random missing codes a second, p99 ${flooded.latencyMs.p99} ms; ` +
        `${flooded.lookups.toLocaleString("en")} lookups at the service, at most ${flooded.lookupsOfOneCodeMax} of one code.`,
    );
  }
  if (whole !== undefined) {
    lines.push(
      "",
      `Whole installation, 256 connections: ${whole.load.requestsPerSecond.toLocaleString("en")} redirects a second, p99 ` +
        `${whole.load.latencyMs.p99} ms; of ${whole.redirected.toLocaleString("en")} redirects ${whole.clicksLost} clicks were ` +
        `lost, all others were in the answers ${whole.countedAfterSeconds} s after the load. CPU µs a redirect: ` +
        `${Object.entries(whole.cpuUsPerRedirect)
          .map(([part, us]) => `${part} ${us}`)
          .join(", ")}.`,
    );
  }
  return lines.join("\n");
}

export async function writeRedirectResults(options: {
  results: readonly RedirectResult[];
  flooded: Flooded | undefined;
  whole: WholeResult | undefined;
  seconds: number;
  rounds: number;
  write: boolean;
}): Promise<void> {
  const { results, flooded, whole, seconds, rounds, write } = options;
  const table = buildTable(results, flooded, whole);
  if (!write) {
    console.log(`\n${table}`);
    return;
  }
  await writeResult({
    name: "redirect",
    options: {
      seconds,
      rounds,
      links: "10,000, visited by Zipf's law",
      log: "nats-server synced on every write",
    },
    result: { results, flooded, whole },
    table:
      `Median of ${rounds} interleaved runs each. Bare: uWebSockets.js with a constant 302. Every click of the ` +
      `product's redirects was in the log afterwards.\n\n${table}`,
  });
}
