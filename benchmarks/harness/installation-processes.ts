// A fresh installation for a benchmark, and what its processes use.
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const cli = fileURLToPath(new URL("../../ops/cli/millrace.ts", import.meta.url));
const readyMsMax = 60_000;
const clockTicksPerSecond = 100;

export interface Usage {
  /** CPU seconds since the process began, and resident bytes, by part. */
  cpuSeconds: Record<string, number>;
  residentMb: Record<string, number>;
}

export interface BenchInstallation {
  port: number;
  dataDir: string;
  keys: { write: string; read: string; admin: string };
  readUsage(): Promise<Usage>;
  stop(): Promise<void>;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export async function startInstallation(
  environment: Record<string, string> = {},
): Promise<BenchInstallation> {
  const dataDir = await mkdtemp(join(tmpdir(), "millrace-bench-"));
  const port = await freePort();
  const child = spawn(process.execPath, [cli, "start"], {
    env: { ...process.env, ...environment, MILLRACE_DATA_DIR: dataDir, MILLRACE_PORT: String(port) },
    stdio: ["ignore", "ignore", "inherit"],
  });
  const deadline = Date.now() + readyMsMax;
  for (;;) {
    const ready = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined);
    if (ready?.status === 200) break;
    if (child.exitCode !== null || Date.now() > deadline) {
      await end(child);
      throw new Error("the installation did not become ready");
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const keys = JSON.parse(await readFile(join(dataDir, "keys.json"), "utf8")) as BenchInstallation["keys"];
  return {
    port,
    dataDir,
    keys,
    readUsage: () => readUsage(dataDir),
    async stop() {
      await end(child);
      await rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  await ended;
}

/** The part a command line belongs to. */
function partOf(command: string): string {
  const known = [
    "nats-server",
    "valkey-server",
    "redis-server",
    "clickhouse",
    "postgres",
    "ingest",
    "workers",
    "query",
  ];
  return known.find((name) => command.includes(name)) ?? "supervisor";
}

export async function readUsage(dataDir: string): Promise<Usage> {
  const usage: Usage = { cpuSeconds: {}, residentMb: {} };
  for (const entry of await readdir("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const environment = await readFile(`/proc/${entry}/environ`, "utf8");
      if (!environment.split("\0").includes(`MILLRACE_DATA_DIR=${dataDir}`)) continue;
      const command = (await readFile(`/proc/${entry}/cmdline`, "utf8")).replaceAll("\0", " ");
      const stat = (await readFile(`/proc/${entry}/stat`, "utf8")).split(") ")[1]?.split(" ") ?? [];
      const resident = Number((await readFile(`/proc/${entry}/statm`, "utf8")).split(" ")[1]) * 4096;
      const part = partOf(command);
      const cpu = (Number(stat[11]) + Number(stat[12])) / clockTicksPerSecond;
      usage.cpuSeconds[part] = (usage.cpuSeconds[part] ?? 0) + cpu;
      usage.residentMb[part] = Math.round((usage.residentMb[part] ?? 0) + resident / 2 ** 20);
    } catch {
      // Ended while we looked.
    }
  }
  return usage;
}
