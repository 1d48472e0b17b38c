// Says what is configured, what runs, what can be reached and what lags; works when nothing runs, and then says so.
// Exit code 0 only when the system answers ready.
import { dataDirOwner } from "../embedded/data-dir.ts";
import { readConfig, type Config } from "../runtime/config.ts";
import { exitCodes } from "../runtime/life-cycle.ts";
import { readDefaultKeys } from "../supervisor/default-keys.ts";
import { edgeUrl, readReadiness } from "../supervisor/edge.ts";
import { fillServerUrls } from "../supervisor/server-urls.ts";
import { probeServers } from "../supervisor/probe-servers.ts";
import type { Command } from "./command.ts";

type Row = (name: string, text: string) => void;

export const command: Command = {
  options: { json: { type: "boolean", default: false, description: "print what GET /v1/system answers" } },
  run: async ({ env, values }) => {
    const configured = readConfig(env);
    const config = await fillServerUrls(configured);
    const owner = await dataDirOwner(config.dataDir);
    const row: Row = (name, text) => console.log(`${name.padEnd(12)} ${text}`);
    row("node", `${process.version} on ${process.platform} ${process.arch}`);
    row("data", config.dataDir);
    row("supervisor", owner === undefined ? "not running in this data directory" : `process ${owner}`);
    for (const probe of await probeServers(config)) {
      const origin = configured[probe.setting] === undefined ? "embedded" : "configured";
      row(probe.name, probe.url === undefined ? "not started yet" : `${origin}, ${probe.url}: ${probe.text}`);
    }
    const { isReady, text } = await readReadiness(config);
    row("edge", `${edgeUrl(config)}: ${isReady ? "ready" : `not ready (${text})`}`);
    if (isReady) await printSystem(config, { isRaw: values["json"] === true, row });
    return isReady ? exitCodes.ok : exitCodes.failed;
  },
};

/** What the edge tells an admin; the parts of it that doctor shows. */
type SystemAnswer = {
  as_of?: string;
  lag?: {
    events: number;
    seconds_max: number;
    partitions: { partition: number; owner: string | null; pending_events: number; lag_seconds: number }[];
  };
  throughput?: { events_stored_per_second: number | null };
  log?: { durability?: { promise?: string }; partitions?: number; bytes?: number; bytes_max?: number };
  instances?: { tier: string; instance: string; ready: boolean; heard_ms_ago: number }[];
};

async function printSystem(config: Config, options: { isRaw: boolean; row: Row }): Promise<void> {
  const { row } = options;
  const key = config.adminKey ?? (await readDefaultKeys(config.dataDir))?.admin;
  if (key === undefined) {
    row("lag", "set MILLRACE_ADMIN_KEY to see it");
    return;
  }
  const response = await fetch(`${edgeUrl(config)}/v1/system`, {
    headers: { authorization: `Bearer ${key}` },
  });
  const text = await response.text();
  if (!response.ok) {
    row("lag", `unknown: /v1/system answered ${response.status}: ${text.slice(0, 200)}`);
    return;
  }
  const system = JSON.parse(text) as SystemAnswer;
  if (options.isRaw) console.log(JSON.stringify(system, null, 2));
  else printSummary(system, row);
}

function printSummary({ as_of, lag, throughput, log, instances }: SystemAnswer, row: Row): void {
  for (const { instance, ready, heard_ms_ago } of instances ?? []) {
    row(instance, `${ready ? "ready" : "not ready"}, heard ${heard_ms_ago} ms ago`);
  }
  if (log !== undefined) {
    const gigabytes = (bytes = 0): string => `${(bytes / 1024 ** 3).toFixed(2)} GiB`;
    row("log", `${log.partitions ?? 0} partitions, ${gigabytes(log.bytes)} of ${gigabytes(log.bytes_max)}`);
    if (log.durability?.promise !== undefined) row("", log.durability.promise);
  }
  if (lag === undefined) return;
  row(
    "stored",
    `${throughput?.events_stored_per_second ?? 0} events/s, answers include all up to ${as_of ?? "?"}`,
  );
  row("lag", `${lag.events} events, ${lag.seconds_max} s at most`);
  for (const { partition, owner, pending_events, lag_seconds } of lag.partitions) {
    if (owner !== null && pending_events === 0 && lag_seconds === 0) continue;
    row("", `partition ${partition} (${owner ?? "no owner"}): ${pending_events} events, ${lag_seconds} s`);
  }
}
