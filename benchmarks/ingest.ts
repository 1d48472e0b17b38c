// `npm run bench -- ingest`: the product's edge beside the bare parts it is made of, in one run on one machine, into
// the same synced log. Ratios are what to look at: absolute figures are this machine's.
// Options: --seconds 5 --rounds 3 --partitions 4 --connections 64,256,1024 --only product,bare-group-commit --no-write
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { jetstreamManager, StorageType } from "@nats-io/jetstream";
import { nanos } from "@nats-io/transport-node";
import { startServers } from "#ops/embedded/start-servers.ts";
import { readConfig } from "#ops/runtime/config.ts";
import { createLogger } from "#ops/runtime/log.ts";
import { connectNats } from "#streams/connect.ts";
import { serve } from "#streams/services.ts";
import { measure, startServer, type Case, type MeasuredCase } from "./harness/ingest-cases.ts";
import { writeResults } from "./harness/ingest-results.ts";
import { bareSubject, type ServerKind } from "./harness/ingest-servers.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "5" },
    rounds: { type: "string", default: "3" },
    partitions: { type: "string", default: String(readConfig({}).partitions) },
    connections: { type: "string", default: "64,256,1024" },
    batches: { type: "string", default: "32" },
    only: { type: "string", default: "bare-http,bare-group-commit,product" },
    write: { type: "boolean", default: true },
  },
  allowNegative: true,
});
const seconds = Number(values.seconds);
const kinds = values.only.split(",") as ServerKind[];
const key = "benchmark";

const numbers = (list: string): number[] =>
  list
    .split(",")
    .filter((text) => text !== "")
    .map(Number);

const cases: Case[] = [
  ...numbers(values.connections).map((connections) => ({
    name: `single events, ${connections} connections`,
    kind: "single" as const,
    connections,
    requestsPerSecond: 0,
  })),
  ...numbers(values.batches).map((connections) => ({
    name: `batches of 100, ${connections} connections`,
    kind: "batch" as const,
    connections,
    requestsPerSecond: 0,
  })),
  { name: "idle: 20 single events a second", kind: "single", connections: 4, requestsPerSecond: 20 },
  {
    name: "constant 10,000 single events a second",
    kind: "single",
    connections: 256,
    requestsPerSecond: 10_000,
  },
];

const dataDir = await mkdtemp(join(tmpdir(), "millrace-bench-"));
const servers = await startServers({ dataDir, parts: ["nats"] });
const connection = await connectNats({
  url: servers.natsUrl,
  name: "benchmark",
  log: createLogger({ level: "warn", name: "benchmark" }),
});
try {
  const manager = await jetstreamManager(connection);
  await manager.streams.add({
    name: "BARE",
    subjects: [bareSubject],
    storage: StorageType.File,
    duplicate_window: nanos(2 * 60 * 1000),
    allow_direct: true,
  });
  serve(connection, {
    service: "projects",
    log: createLogger({ level: "warn", name: "benchmark" }),
    methods: {
      resolve_key: async () => ({
        projectId: 1,
        publicId: "default",
        keyId: "key_benchmark",
        keyHint: "benchmark…",
        scopes: ["write"],
        expiresAtMs: null,
        timezone: "UTC",
        eventsPerSecondMax: null,
        eventsPerDayMax: null,
        eventsPerMonthMax: null,
        retentionDays: 0,
      }),
    },
  });
  const running = await Promise.all(
    kinds.map((kind) => startServer({ kind, natsUrl: servers.natsUrl, partitions: values.partitions })),
  );
  const results: { case: Case; kind: ServerKind; runs: MeasuredCase[] }[] = [];
  for (const each of cases) {
    const runs = new Map<ServerKind, MeasuredCase[]>(kinds.map((kind) => [kind, []]));
    // Interleaved: what else happens on the machine then meets all of them.
    for (let round = 0; round < Number(values.rounds); round += 1) {
      for (const server of running) {
        const stream = server.kind === "product" ? "EVENTS" : "BARE";
        const blocksBefore = (await manager.streams.info(stream)).state.last_seq;
        const result = await measure({ server, case: each, seconds, key, natsPid: servers.pids.nats });
        const blocks = (await manager.streams.info(stream)).state.last_seq - blocksBefore;
        const requestsPerBlock = Math.round((result.requestsPerSecond * (seconds + 1)) / Math.max(1, blocks));
        runs.get(server.kind)?.push(result);
        console.log(
          `${each.name.padEnd(42)} ${server.kind.padEnd(18)} ${String(result.requestsPerSecond).padStart(7)}/s  ` +
            `p50 ${result.latencyMs.p50} ms  p99 ${result.latencyMs.p99} ms  failures ${result.failures}  ` +
            `cpu µs/request: server ${result.serverCpuUs} log ${result.logCpuUs}  requests/block ${requestsPerBlock}`,
        );
      }
    }
    for (const [kind, list] of runs) results.push({ case: each, kind, runs: list });
    // The log is emptied between cases: a long run must not fill the disk.
    await manager.streams.purge("BARE");
    if (kinds.includes("product")) await manager.streams.purge("EVENTS");
  }
  await Promise.all(running.map((server) => server.stop()));
  await writeResults({ results, seconds, partitions: values.partitions, write: values.write });
} finally {
  await connection.close();
  await servers.stop();
  await rm(dataDir, { recursive: true, force: true });
}
