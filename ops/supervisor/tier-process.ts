// One tier as a child process: in a group of its own, its log in a file, its standard input a pipe whose end tells
// it that the supervisor is gone.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { closeSync, openSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { MillraceError } from "#schemas/errors.ts";
import type { ServerExit } from "../embedded/server-process.ts";
import type { Child } from "./keep-running.ts";

const tagLength = 6;
const entry = fileURLToPath(new URL("../cli/millrace.ts", import.meta.url));

/**
 * Tells installations apart that share servers: a worker takes over at once what a process of its own name held,
 * because that process is dead, so no two living ones may have the same name. The same after every restart.
 */
function installationTag(dataDir: string): string {
  return createHash("sha256").update(`${hostname()}\0${dataDir}`).digest("hex").slice(0, tagLength);
}

export function startTier(options: {
  tier: string;
  /** For example "workers-1": names its log, and with the installation's tag its status and leases. */
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
        MILLRACE_INSTANCE: `${options.instance}-${installationTag(options.dataDir)}`,
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
