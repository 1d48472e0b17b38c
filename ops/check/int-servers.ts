// Starts the real NATS, Redis, Postgres and ClickHouse once for all integration tests, on free ports with a
// temporary data directory, and gives the tests their URLs: `inject("servers")`. Tests share the servers and keep
// apart by names of their own: a database, a stream, a key prefix each.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { startServers } from "../embedded/start-servers.ts";

export type IntServers = { natsUrl: string; redisUrl: string; postgresUrl: string; clickhouseUrl: string };

declare module "vitest" {
  // An interface, because merging is how vitest is told what tests may inject.
  interface ProvidedContext {
    servers: IntServers;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dataDir = await mkdtemp(join(tmpdir(), "millrace-int-"));
  const servers = await startServers({ dataDir, log: (line) => console.log(`servers: ${line}`) });
  const { natsUrl, redisUrl, postgresUrl, clickhouseUrl } = servers;
  project.provide("servers", { natsUrl, redisUrl, postgresUrl, clickhouseUrl });
  return async () => {
    await servers.stop();
    await rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
  };
}
