// One tier as a child process: in a group of its own, its log in a file, its standard input a pipe whose end tells
// it that the supervisor is gone.
import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { MillraceError } from "#schemas/errors.ts";
import type { ServerExit } from "../embedded/server-process.ts";
import type { Child } from "./keep-running.ts";

const entry = fileURLToPath(new URL("../cli/millrace.ts", import.meta.url));

export function startTier(options: {
  tier: string;
  /** For example "workers-1": names its log and its status. */
  instance: string;
  dataDir: string;
  env: NodeJS.ProcessEnv;
}): Child {
  const log = openSync(join(options.dataDir, "logs", `${options.instance}.log`), "a", 0o600);
  let child;
  try {
    child = spawn(process.execPath, [entry, options.tier], {
      detached: true,
      stdio: ["pipe", log, log],
      env: {
        ...options.env,
        MILLRACE_DATA_DIR: options.dataDir,
        MILLRACE_INSTANCE: options.instance,
        MILLRACE_SUPERVISED: "1",
      },
    });
  } finally {
    closeSync(log);
  }
  child.stdin?.on("error", () => {});
  const exited = new Promise<ServerExit>((resolve) => {
    child.once("error", () => resolve({ code: null, signal: null }));
    child.once("exit", (code, signal) => resolve({ code, signal }));
  });
  if (child.pid === undefined) {
    throw new MillraceError("SERVICE_UNAVAILABLE", { message: `${options.instance} could not be started.` });
  }
  return {
    pid: child.pid,
    exited,
    stop: async (withinMs = 0) => {
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), withinMs);
      await exited;
      clearTimeout(timer);
    },
  };
}
