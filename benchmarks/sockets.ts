// `npm run bench -- sockets [--sockets 5000] [--seconds 20] [--ahead 4] [--events 10] [--no-write]`
// Thousands of WebSockets that all send events at once: what is answered, how long it takes, what it costs in memory,
// and that every event that was answered is counted once.
import { execFile } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { startInstallation, type BenchInstallation } from "./harness/installation-processes.ts";
import type { SocketLoadOptions, SocketLoadResult } from "./harness/socket-load.ts";
import { writeResult } from "./harness/write-result.ts";

const settleMsMax = 60_000;
const sampleMs = 500;
const load = fileURLToPath(new URL("./harness/socket-load.ts", import.meta.url));

const { values } = parseArgs({
  options: {
    sockets: { type: "string", default: "5000" },
    seconds: { type: "string", default: "20" },
    ahead: { type: "string", default: "4" },
    events: { type: "string", default: "10" },
    write: { type: "boolean", default: true },
  },
  allowNegative: true,
});

async function countStored(installation: BenchInstallation): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${installation.port}/v1/query/trends`, {
    method: "POST",
    headers: { authorization: `Bearer ${installation.keys.read}` },
    body: JSON.stringify({
      from: new Date(Date.now() - 24 * 3600 * 1000).toISOString(),
      to: new Date(Date.now() + 3600 * 1000).toISOString(),
      series: [{ event: "sensor_read", math: "total" }],
    }),
  });
  const answer = (await response.json()) as { series: { total: number }[] };
  return answer.series[0]?.total ?? 0;
}

const installation = await startInstallation();
try {
  const idle = await installation.readUsage();
  const options: SocketLoadOptions = {
    port: installation.port,
    key: installation.keys.write,
    sockets: Number(values.sockets),
    seconds: Number(values.seconds),
    framesAhead: Number(values.ahead),
    eventsPerFrame: Number(values.events),
  };
  let ended = false;
  let edgeMbMax = 0;
  const sampling = (async () => {
    while (!ended) {
      edgeMbMax = Math.max(edgeMbMax, (await installation.readUsage()).residentMb["ingest"] ?? 0);
      await sleep(sampleMs);
    }
  })();
  const { stdout } = await promisify(execFile)(process.execPath, [load, JSON.stringify(options)], {
    maxBuffer: 1024 * 1024,
  });
  ended = true;
  await sampling;
  const sent = JSON.parse(stdout) as SocketLoadResult;
  const deadlineMs = Date.now() + settleMsMax;
  let stored = await countStored(installation);
  while (stored < sent.accepted && Date.now() < deadlineMs) {
    await sleep(200);
    stored = await countStored(installation);
  }
  if (stored !== sent.accepted) throw new Error(`${stored} stored, ${sent.accepted} accepted`);
  const result = {
    ...sent,
    framesPerSecond: Math.round(sent.frames / sent.seconds),
    eventsPerSecond: Math.round(sent.accepted / sent.seconds),
    edgeMb: { idle: idle.residentMb["ingest"], max: edgeMbMax },
  };
  const table = [
    `| ${options.sockets.toLocaleString("en")} sockets, ${options.framesAhead} frames of ${options.eventsPerFrame} events ahead each | |`,
    "| --- | --- |",
    `| opened in | ${(sent.connectMs / 1000).toFixed(1)} s |`,
    `| events accepted, all counted once | ${sent.accepted.toLocaleString("en")} (${result.eventsPerSecond.toLocaleString("en")}/s) |`,
    `| events rejected; sockets lost | ${sent.rejected}; ${sent.lost} |`,
    `| answer to a frame | p50 ${sent.latencyMs.p50} ms, p99 ${sent.latencyMs.p99} ms |`,
    `| answers that one socket got | ${sent.framesOfOne.min} to ${sent.framesOfOne.max} |`,
    `| edge's memory | ${idle.residentMb["ingest"]} MB idle, ${edgeMbMax} MB at most |`,
  ].join("\n");
  const { port: _port, key: _key, ...asked } = options;
  if (values.write) await writeResult({ name: "sockets", options: asked, result, table });
  else console.log(table);
} finally {
  await installation.stop();
}
