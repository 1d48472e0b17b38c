// `npm run bench -- redirect`: short links at the edge beside uWebSockets.js with a constant 302, in one run on one
// machine with the generator. Every click of a measured redirect has to be in the log afterwards; then the same on a
// whole installation, where every click has to be in the answers.
// Options: --seconds 5 --rounds 3 --connections 64,256 --rate 10000 --flood 3000 --parts edge,whole --no-write
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { jetstreamManager } from "@nats-io/jetstream";
import { startServers } from "#ops/embedded/start-servers.ts";
import { createLogger } from "#ops/runtime/log.ts";
import { connectNats } from "#streams/connect.ts";
import { LinksService } from "../ingest/testing/links-service.ts";
import { benchmarkCode, benchmarkLinks } from "./harness/load-requests.ts";
import { countClicks } from "./redirect/count-clicks.ts";
import { generate, startServerProcess } from "./redirect/processes.ts";
import { writeRedirectResults, type Flooded, type RedirectResult } from "./redirect/results.ts";
import { measureWhole } from "./redirect/whole.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "5" },
    rounds: { type: "string", default: "3" },
    connections: { type: "string", default: "64,256" },
    rate: { type: "string", default: "10000" },
    flood: { type: "string", default: "3000" },
    parts: { type: "string", default: "edge,whole" },
    write: { type: "boolean", default: true },
  },
  allowNegative: true,
});
const seconds = Number(values.seconds);
const log = createLogger({ level: "warn", name: "benchmark" });

const parts = values.parts.split(",");
const measured = parts.includes("edge") ? await measureEdge() : undefined;
const whole = parts.includes("whole") ? await measureWhole(seconds) : undefined;
if (whole !== undefined) console.log("whole installation", whole);
await writeRedirectResults({
  results: measured?.results ?? [],
  flooded: measured?.flooded,
  whole,
  seconds,
  rounds: Number(values.rounds),
  write: values.write,
});

async function measureEdge(): Promise<{ results: RedirectResult[]; flooded: Flooded }> {
  const dataDir = await mkdtemp(join(tmpdir(), "millrace-bench-"));
  const servers = await startServers({ dataDir, parts: ["nats", "valkey"] });
  const connection = await connectNats({ url: servers.natsUrl, name: "benchmark", log });
  const links = new LinksService(connection, undefined);
  try {
    for (let number = 0; number < benchmarkLinks; number += 1) {
      const url = `https://example.com/landing/page-${number}?campaign=spring`;
      await links.put({ code: benchmarkCode(number), url });
    }
    const environment = {
      MILLRACE_NATS_URL: servers.natsUrl,
      MILLRACE_REDIS_URL: servers.redisUrl,
      MILLRACE_REDIRECTS_PER_SECOND_MAX: "0",
    };
    const product = await startServerProcess("product", environment);
    const bare = await startServerProcess("bare", environment);
    const manager = await jetstreamManager(connection);
    const results: RedirectResult[] = [];

    const measure = async (
      name: string,
      server: typeof bare,
      load: { connections: number; requestsPerSecond: number },
    ): Promise<void> => {
      const cpuBefore = server.cpuSeconds();
      const logBefore = await manager.streams.info("EVENTS");
      const result = await generate({ port: server.port, seconds, kind: "redirect", ...load });
      const cpuUs =
        Math.round(((server.cpuSeconds() - cpuBefore) / (result.requests * (1 + 1 / seconds))) * 1e7) / 10;
      const clicks =
        server.kind === "bare" ? undefined : await countClicks(manager, logBefore.state.last_seq);
      // Clicks of the second before the measured ones are in the log too.
      if (clicks !== undefined && clicks < result.requests)
        throw new Error(`${clicks} clicks in the log of ${result.requests} redirects`);
      results.push({ name, kind: server.kind, load: result, cpuUs, clicksInLog: clicks });
      console.log(
        `${name.padEnd(36)} ${server.kind.padEnd(8)} ${String(result.requestsPerSecond).padStart(7)}/s  ` +
          `p50 ${result.latencyMs.p50} ms  p99 ${result.latencyMs.p99} ms  failures ${result.failures}  cpu ${cpuUs} µs` +
          (clicks === undefined ? "" : `  clicks in the log ${clicks}`),
      );
      await manager.streams.purge("EVENTS");
    };

    for (const connections of values.connections.split(",").map(Number)) {
      for (let round = 0; round < Number(values.rounds); round += 1) {
        // Interleaved: what else happens on the machine then meets both.
        for (const server of [bare, product]) {
          await measure(`${connections} connections`, server, { connections, requestsPerSecond: 0 });
        }
      }
    }
    const rate = Number(values.rate);
    for (const server of [bare, product]) {
      await measure(`constant ${rate}/s`, server, { connections: 256, requestsPerSecond: rate });
    }

    // Missing codes at random, beside visits of good ones.
    const flood = Number(values.flood);
    const beside = { connections: 64, requestsPerSecond: Math.min(rate, 2_000) };
    await measure(`constant ${beside.requestsPerSecond}/s alone`, product, beside);
    const askedBefore = links.asked.length;
    const missing = generate({
      port: product.port,
      seconds: seconds + 1,
      kind: "missing-code",
      connections: 64,
      requestsPerSecond: flood,
    });
    await measure(`constant ${beside.requestsPerSecond}/s in the flood`, product, beside);
    const missed = await missing;
    const asked = links.asked.slice(askedBefore).filter((address) => address.startsWith("m"));
    const flooded = {
      requestsPerSecond: missed.requestsPerSecond,
      latencyMs: missed.latencyMs,
      failures: missed.failures,
      lookups: asked.length,
      lookupsOfOneCodeMax: Math.max(0, ...countEach(asked).values()),
    };
    console.log("flood of missing codes", flooded);
    await Promise.all([product.stop(), bare.stop()]);
    return { results, flooded };
  } finally {
    await links.stop();
    await connection.close();
    await servers.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}

function countEach(addresses: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const address of addresses) counts.set(address, (counts.get(address) ?? 0) + 1);
  return counts;
}
