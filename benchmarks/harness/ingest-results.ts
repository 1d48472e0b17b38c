// The ingestion benchmark's table, on the screen and in benchmarks/results/.
import type { Case, MeasuredCase } from "./ingest-cases.ts";
import type { ServerKind } from "./ingest-servers.ts";
import { writeResult } from "./write-result.ts";

interface CaseResult {
  case: Case;
  kind: ServerKind;
  runs: MeasuredCase[];
}

/** The run in the middle by rate: one disturbed run does not count. */
function median(runs: readonly MeasuredCase[]): MeasuredCase {
  const sorted = [...runs].sort((a, b) => a.requestsPerSecond - b.requestsPerSecond);
  return sorted[Math.floor(sorted.length / 2)] as MeasuredCase;
}

function buildTable(results: readonly CaseResult[]): string {
  const lines = [
    "| Case | Server | requests/s | of bare group commit | p50 ms | p99 ms | CPU µs a request: server | log | failures |",
    "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
  ];
  for (const result of results) {
    const { requestsPerSecond, latencyMs, serverCpuUs, logCpuUs } = median(result.runs);
    const base = results.find(
      (other) => other.case.name === result.case.name && other.kind === "bare-group-commit",
    );
    const ratio = base === undefined ? 0 : requestsPerSecond / median(base.runs).requestsPerSecond;
    const failures = result.runs.reduce((sum, run) => sum + run.failures, 0);
    lines.push(
      `| ${result.case.name} | ${result.kind} | ${requestsPerSecond.toLocaleString("en")} | ` +
        `${ratio === 0 ? "" : `${Math.round(ratio * 100)} %`} | ${latencyMs.p50} | ${latencyMs.p99} | ${serverCpuUs} | ${logCpuUs} | ${failures} |`,
    );
  }
  return lines.join("\n");
}

export async function writeResults(options: {
  results: readonly CaseResult[];
  seconds: number;
  partitions: string;
  write: boolean;
}): Promise<void> {
  const { results, seconds, partitions, write } = options;
  const table = buildTable(results);
  if (!write) {
    console.log(`\n${table}`);
    return;
  }
  const rounds = results[0]?.runs.length ?? 0;
  await writeResult({
    name: "ingest",
    options: { seconds, rounds, partitions: Number(partitions), log: "nats-server synced on every write" },
    result: { results },
    table: `Median of ${rounds} interleaved runs each.\n\n${table}`,
  });
}
