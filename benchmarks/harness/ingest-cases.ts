// Runs one case of the ingestion benchmark: a server process, and a load generator in another.
import { execFile, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { ServerKind } from "./ingest-servers.ts";
import type { LoadOptions, LoadResult } from "./load-generator.ts";
import type { RequestKind } from "./load-requests.ts";

export interface Case {
  name: string;
  kind: RequestKind;
  connections: number;
  /** 0: closed loop. */
  requestsPerSecond: number;
}

/** CPU per request of the server and of the log: what stays comparable on a machine that does other things too. */
export interface MeasuredCase extends LoadResult {
  serverCpuUs: number;
  logCpuUs: number;
}

export interface ServerProcess {
  kind: ServerKind;
  port: number;
  cpuSeconds(): number;
  stop(): Promise<void>;
}

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const ticksPerSecond = 100;
const warmUpSeconds = 1;

/** CPU of a process so far; 0 where /proc does not tell. */
export function readCpuSeconds(pid: number | undefined): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
  } catch {
    return 0;
  }
}

export async function startServer(options: {
  kind: ServerKind;
  natsUrl: string;
  partitions: string;
  execArgv?: string[];
}): Promise<ServerProcess> {
  const child = spawn(
    process.execPath,
    [
      ...(options.execArgv ?? []),
      here("ingest-servers.ts"),
      options.kind,
      options.natsUrl,
      options.partitions,
    ],
    { stdio: ["pipe", "pipe", "inherit"] },
  );
  const lines = createInterface({ input: child.stdout });
  const port = await new Promise<number>((resolve, reject) => {
    child.once("exit", (code) => reject(new Error(`${options.kind} ended with ${code}`)));
    lines.on("line", (line) => {
      if (/^\d+$/.test(line)) resolve(Number(line));
    });
  });
  return {
    kind: options.kind,
    port,
    cpuSeconds: () => readCpuSeconds(child.pid),
    stop: () =>
      new Promise((resolve) => {
        child.once("exit", () => resolve());
        child.stdin.end();
      }),
  };
}

export async function measure(options: {
  server: ServerProcess;
  case: Case;
  seconds: number;
  key: string;
  natsPid: number | undefined;
}): Promise<MeasuredCase> {
  const load: LoadOptions = {
    port: options.server.port,
    connections: options.case.connections,
    seconds: options.seconds,
    warmUpSeconds,
    requestsPerSecond: options.case.requestsPerSecond,
    kind: options.case.kind,
    key: options.key,
  };
  const serverBefore = options.server.cpuSeconds();
  const natsBefore = readCpuSeconds(options.natsPid);
  const { stdout } = await promisify(execFile)(process.execPath, [
    here("load-generator.ts"),
    JSON.stringify(load),
  ]);
  const result = JSON.parse(stdout) as LoadResult;
  const requests = result.requestsPerSecond * (options.seconds + warmUpSeconds);
  const perRequestUs = (seconds: number): number => Math.round((seconds / requests) * 1e7) / 10;
  return {
    ...result,
    serverCpuUs: perRequestUs(options.server.cpuSeconds() - serverBefore),
    logCpuUs: perRequestUs(readCpuSeconds(options.natsPid) - natsBefore),
  };
}
