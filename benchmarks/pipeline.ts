// `npm run bench -- pipeline [--seconds 60] [--connections 24] [--rate 0]`
// Batches of 100 events from HTTP to queryable, against the bare limit of the store in the same run: the same
// rows as finished Native blocks inserted straight into the same tables.
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { batchEvents } from "./harness/batch-load.ts";
import { insertBare, type BareResult } from "./harness/bare-insert.ts";
import { startInstallation, type BenchInstallation, type Usage } from "./harness/installation-processes.ts";
import { startBatchLoad } from "./harness/start-batch-load.ts";
import { writeResult } from "./harness/write-result.ts";

const settleSecondsMax = 60;

interface Sample {
  second: number;
  acknowledged: number;
  queryable: number;
  residentMb: Record<string, number>;
}

interface PipelineResult {
  acknowledgedPerSecond: number;
  queryablePerSecond: number;
  refused: number;
  lagSecondsAtEnd: number;
  cpuUsPerEvent: Record<string, number>;
  samples: Sample[];
  bare: BareResult;
}

async function countQueryable(installation: BenchInstallation): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${installation.port}/v1/query/trends`, {
    method: "POST",
    headers: { authorization: `Bearer ${installation.keys.read}`, "content-type": "application/json" },
    body: JSON.stringify({
      from: new Date(Date.now() - 3 * 24 * 3600 * 1000).toISOString().slice(0, 10),
      to: new Date(Date.now() + 24 * 3600 * 1000).toISOString().slice(0, 10),
      interval: "day",
      series: [{ event: null, math: "total" }],
    }),
  });
  if (response.status !== 200)
    throw new Error(`trends answered ${response.status}: ${await response.text()}`);
  const answer = (await response.json()) as { series: { total: number }[] };
  return answer.series[0]?.total ?? 0;
}

function cpuUsPerEvent(before: Usage, after: Usage, events: number): Record<string, number> {
  return Object.fromEntries(
    Object.entries(after.cpuSeconds).map(([part, seconds]) => [
      part,
      Math.round(((seconds - (before.cpuSeconds[part] ?? 0)) * 1e8) / events) / 100,
    ]),
  );
}

async function measure(options: {
  seconds: number;
  connections: number;
  rate: number;
}): Promise<PipelineResult> {
  const installation = await startInstallation();
  try {
    const before = await installation.readUsage();
    const load = startBatchLoad({
      port: installation.port,
      key: installation.keys.write,
      connections: options.connections,
      seconds: options.seconds,
      requestsPerSecond: options.rate / batchEvents,
      run: Date.now().toString(36),
    });
    const samples: Sample[] = [];
    let ended = false;
    const loadDone = load.done.then(() => {
      ended = true;
    });
    while (!ended) {
      await Promise.race([sleep(2_000), loadDone]);
      const usage = await installation.readUsage();
      const sample: Sample = {
        second: Math.round(load.progress().elapsedMs / 1000),
        acknowledged: load.progress().acknowledged,
        queryable: await countQueryable(installation),
        residentMb: usage.residentMb,
      };
      samples.push(sample);
      console.log(
        `${String(sample.second).padStart(4)} s  acknowledged ${sample.acknowledged.toLocaleString("en")}` +
          `  queryable ${sample.queryable.toLocaleString("en")}`,
      );
    }
    const endedAtMs = performance.now();
    const { acknowledged, refused, elapsedMs } = load.progress();
    let queryable = await countQueryable(installation);
    const atEnd = queryable;
    while (queryable < acknowledged) {
      if (performance.now() - endedAtMs > settleSecondsMax * 1000)
        throw new Error("not all events became queryable");
      await sleep(50);
      queryable = await countQueryable(installation);
    }
    const lagSecondsAtEnd = (performance.now() - endedAtMs) / 1000;
    if (queryable !== acknowledged) throw new Error(`${queryable} queryable, ${acknowledged} acknowledged`);
    const after = await installation.readUsage();
    const bare = await insertBare(installation);
    return {
      acknowledgedPerSecond: Math.round(acknowledged / (elapsedMs / 1000)),
      queryablePerSecond: Math.round(atEnd / (elapsedMs / 1000)),
      refused,
      lagSecondsAtEnd: Math.round(lagSecondsAtEnd * 100) / 100,
      cpuUsPerEvent: cpuUsPerEvent(before, after, acknowledged),
      samples,
      bare,
    };
  } finally {
    await installation.stop();
  }
}

function describeResult(result: PipelineResult): string {
  const { bare } = result;
  const first = result.samples[Math.floor(result.samples.length / 2)];
  const last = result.samples.at(-1);
  return [
    "| | events/s | of bare insert |",
    "| --- | ---: | ---: |",
    `| HTTP batches of 100, acknowledged (synced log) | ${result.acknowledgedPerSecond.toLocaleString("en")} | ${Math.round((result.acknowledgedPerSecond / bare.rowsPerSecond) * 100)} % |`,
    `| queryable when the load ended | ${result.queryablePerSecond.toLocaleString("en")} | ${Math.round((result.queryablePerSecond / bare.rowsPerSecond) * 100)} % |`,
    `| bare: finished Native blocks of ${bare.blockRows.toLocaleString("en")} rows into the same tables and views | ${bare.rowsPerSecond.toLocaleString("en")} | 100 % |`,
    "",
    `Lag at the end of the load: ${result.lagSecondsAtEnd} s. Refused: ${result.refused}.`,
    "",
    `CPU µs an event: ${Object.entries(result.cpuUsPerEvent)
      .map(([part, us]) => `${part} ${us}`)
      .join(", ")}. The bare insert alone: clickhouse ${bare.cpuUsPerRow}.`,
    "",
    `Resident MB in the middle and at the end: ${Object.entries(last?.residentMb ?? {})
      .map(([part, mb]) => `${part} ${first?.residentMb[part] ?? 0} → ${mb}`)
      .join(", ")}.`,
  ].join("\n");
}

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    connections: { type: "string", default: "24" },
    rate: { type: "string", default: "0" },
  },
});
const options = {
  seconds: Number(values.seconds),
  connections: Number(values.connections),
  rate: Number(values.rate),
};
const result = await measure(options);
await writeResult({ name: "pipeline", options, result, table: describeResult(result) });
