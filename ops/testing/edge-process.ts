// For integration tests: the edge as a process of its own, over the servers of a bed of workers, so that it can be killed.
import { spawn, type ChildProcess } from "node:child_process";
import { join, resolve } from "node:path";
import { partitions, type Bed } from "#workers/testing/worker-processes.ts";

const cli = join(resolve(import.meta.dirname, "../.."), "ops/cli/millrace.ts");

/** `folder`: what it keeps. */
export function startEdgeProcess(bed: Bed, { folder, port }: { folder: string; port: number }): ChildProcess {
  return spawn(process.execPath, [cli, "ingest"], {
    env: {
      PATH: process.env["PATH"],
      MILLRACE_NATS_URL: bed.servers.natsUrl,
      // Not used by this tier.
      MILLRACE_POSTGRES_URL: bed.servers.postgresUrl,
      MILLRACE_CLICKHOUSE_URL: bed.servers.clickhouseUrl,
      MILLRACE_REDIS_URL: "redis://127.0.0.1:1",
      MILLRACE_DATA_DIR: folder,
      MILLRACE_PARTITIONS: String(partitions),
      MILLRACE_PORT: String(port),
      MILLRACE_LOG_LEVEL: "error",
    },
    stdio: ["ignore", "inherit", "inherit"],
  });
}
