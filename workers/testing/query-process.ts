// For integration tests of the write side that needs answers of the query tier: one process of it.
import { spawn } from "node:child_process";
import { callService } from "#streams/call-service.ts";
import type { Bed } from "./worker-processes.ts";

const cli = new URL("../../ops/cli/millrace.ts", import.meta.url).pathname;
const readyMsMax = 20_000;

export async function startQueryProcess(bed: Bed): Promise<{ stop(): void }> {
  const { servers } = bed;
  const child = spawn(process.execPath, [cli, "query"], {
    env: {
      PATH: process.env["PATH"],
      MILLRACE_NATS_URL: servers.natsUrl,
      MILLRACE_POSTGRES_URL: servers.postgresUrl,
      MILLRACE_CLICKHOUSE_URL: servers.clickhouseReadUrl,
      MILLRACE_REDIS_URL: "redis://127.0.0.1:1",
      MILLRACE_INSTANCE: "query-1",
      MILLRACE_LOG_LEVEL: "warn",
    },
    stdio: ["ignore", "inherit", "inherit"],
  });
  const deadlineMs = performance.now() + readyMsMax;
  const options = { requestId: "ready", projectId: 1, timeoutMs: 2_000 };
  for (;;) {
    try {
      await callService(bed.connection, "svc.query.cohort_statement", { definition: { did: {} } }, options);
      return { stop: () => void child.kill("SIGKILL") };
    } catch (error) {
      if (performance.now() > deadlineMs) {
        child.kill("SIGKILL");
        throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
