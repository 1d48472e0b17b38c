// One embedded server as a child process: in a process group of its own (a Ctrl-C in the terminal must not reach
// it before the tiers have drained), marked with its data directory, writing its output straight to its log file.
import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { MillraceError } from "#schemas/errors.ts";

export type ServerExit = { code: number | null; signal: NodeJS.Signals | null };

/** A running server. `exited` resolves, and never rejects, when the process is gone for whatever reason. */
export type RunningServer = {
  readonly pid: number;
  readonly url: string;
  readonly exited: Promise<ServerExit>;
  /** Asks it to end, insists after `withinMs` (default 6 s); resolves when it is gone. */
  stop(withinMs?: number): Promise<void>;
};

export type ServerProcess = Omit<RunningServer, "url">;

/** What whoever starts a server may want to know or decide while it is not ready yet. */
export type StartHooks = {
  /** Gives up and stops the server when it fires. */
  signal?: AbortSignal;
  /** Called as soon as there is a process, long before it is ready. */
  onSpawn?: (server: ServerProcess) => void;
};

const stopMsMax = 6_000;

export function spawnServer(options: {
  program: string;
  args: readonly string[];
  env: NodeJS.ProcessEnv;
  dataDir: string;
  part: string;
  logFile: string;
  stopSignal: NodeJS.Signals;
  hooks: StartHooks | undefined;
  user?: { uid: number; gid: number };
}): ServerProcess {
  mkdirSync(dirname(options.logFile), { recursive: true, mode: 0o700 });
  // Appending, so that the log can be cut from outside while the server holds it open.
  const log = openSync(options.logFile, "a", 0o600);
  let child;
  try {
    child = spawn(options.program, options.args, {
      detached: true,
      // All paths given to servers are absolute; Postgres as another user may not be able to enter ours.
      cwd: "/",
      stdio: ["ignore", log, log],
      // Both names are how a later start finds and ends a server that outlived its supervisor.
      env: { ...options.env, MILLRACE_DATA_DIR: options.dataDir, MILLRACE_PART: options.part },
      ...(options.user === undefined ? {} : options.user),
    });
  } finally {
    closeSync(log);
  }
  const exited = new Promise<ServerExit>((resolve) => {
    child.once("error", () => resolve({ code: null, signal: null }));
    child.once("exit", (code, signal) => resolve({ code, signal }));
  });
  const { pid } = child;
  if (pid === undefined) {
    throw new MillraceError("SERVICE_UNAVAILABLE", { message: `${options.program} could not be started.` });
  }
  const stop = async (withinMs = stopMsMax): Promise<void> => {
    child.kill(options.stopSignal);
    const timer = setTimeout(() => child.kill("SIGKILL"), withinMs);
    await exited;
    clearTimeout(timer);
  };
  const server = { pid, exited, stop };
  options.hooks?.onSpawn?.(server);
  return server;
}

/**
 * Waits until `probe` succeeds.
 * @throws MillraceError SERVICE_UNAVAILABLE when the server exits first or the time is over; the server is stopped.
 */
export async function waitUntilReady(
  server: ServerProcess,
  options: {
    part: string;
    logFile: string;
    timeoutMs: number;
    probe: () => Promise<void>;
    hooks: StartHooks | undefined;
  },
): Promise<void> {
  const deadline = Date.now() + options.timeoutMs;
  let exit: ServerExit | undefined;
  void server.exited.then((value) => {
    exit = value;
  });
  let reason: unknown;
  while (exit === undefined && Date.now() < deadline && options.hooks?.signal?.aborted !== true) {
    try {
      await options.probe();
      return;
    } catch (error) {
      reason = error;
    }
    await Promise.race([new Promise((resolve) => setTimeout(resolve, probeEveryMs)), server.exited]);
  }
  const ended = exit as ServerExit | undefined;
  if (ended === undefined) await server.stop();
  throw new MillraceError("SERVICE_UNAVAILABLE", {
    message:
      ended === undefined
        ? `${options.part} did not become ready within ${options.timeoutMs / 1000} s; its log is ${options.logFile}`
        : `${options.part} ended while starting (${ended.signal ?? `exit code ${ended.code}`}); its log is ${options.logFile}`,
    cause: reason,
  });
}

const probeEveryMs = 25;
