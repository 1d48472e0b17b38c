// Runs batch-load.ts in a process of its own and reads the counts it prints.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { BatchLoadOptions, BatchLoadProgress } from "./batch-load.ts";

const program = new URL("./batch-load.ts", import.meta.url).pathname;

export function startBatchLoad(options: BatchLoadOptions): {
  progress: () => BatchLoadProgress;
  done: Promise<void>;
} {
  const child = spawn(process.execPath, [program, JSON.stringify(options)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let progress: BatchLoadProgress = { elapsedMs: 0, acknowledged: 0, refused: 0, done: false };
  createInterface({ input: child.stdout }).on("line", (line) => {
    progress = JSON.parse(line) as BatchLoadProgress;
  });
  const done = new Promise<void>((resolve, reject) => {
    child.once("exit", (code) => (code === 0 ? resolve() : reject(new Error(`the load ended with ${code}`))));
  });
  return { progress: () => progress, done };
}
