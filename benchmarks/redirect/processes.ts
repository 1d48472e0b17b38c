// Servers and load generators of the redirect benchmark, as processes.
import { execFile, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { readCpuSeconds } from "../harness/ingest-cases.ts";
import type { LoadOptions, LoadResult } from "../harness/load-generator.ts";
import type { RedirectServer } from "./servers.ts";

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

export interface ServerProcess {
  kind: RedirectServer;
  port: number;
  cpuSeconds(): number;
  stop(): Promise<void>;
}

export async function startServerProcess(
  kind: RedirectServer,
  environment: Record<string, string>,
  execArgv: string[] = [],
): Promise<ServerProcess> {
  const child = spawn(process.execPath, [...execArgv, here("servers.ts"), kind], {
    env: { ...process.env, ...environment },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout });
  const port = await new Promise<number>((resolve, reject) => {
    child.once("exit", (code) => reject(new Error(`${kind} ended with ${code}`)));
    lines.on("line", (line) => {
      if (/^\d+$/.test(line)) resolve(Number(line));
    });
  });
  return {
    kind,
    port,
    cpuSeconds: () => readCpuSeconds(child.pid),
    stop: () =>
      new Promise((resolve) => {
        child.once("exit", () => resolve());
        child.stdin.end();
      }),
  };
}

/** One load generator, to its end. */
export async function generate(options: Omit<LoadOptions, "key" | "warmUpSeconds">): Promise<LoadResult> {
  const load: LoadOptions = { ...options, key: "", warmUpSeconds: 1 };
  const { stdout } = await promisify(execFile)(process.execPath, [
    here("../harness/load-generator.ts"),
    JSON.stringify(load),
  ]);
  return JSON.parse(stdout) as LoadResult;
}
