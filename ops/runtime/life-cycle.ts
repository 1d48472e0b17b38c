// Start and stop of one process: a list of releasers undone in reverse, signals, the supervisor's pipe, exit codes.
import type { Logger } from "./log.ts";

/** Exit codes of every Millrace process. */
export const exitCodes = { ok: 0, failed: 1, usage: 2, drainTimedOut: 3 } as const;

/** Longest time a drain may take before the process ends anyway; the whole installation has 10 s. */
const drainMsMax = 7_000;

export interface Running {
  /** Stops taking work, finishes what was taken, frees everything. Called once. */
  stop(): Promise<void>;
}

/** Collects what was opened, in order, and undoes it in reverse, going on past failures. */
export class Releasers {
  readonly #releasers: { name: string; release: () => Promise<void> | void }[] = [];
  readonly #log: Logger;

  constructor(log: Logger) {
    this.#log = log;
  }

  add(name: string, release: () => Promise<void> | void): void {
    this.#releasers.push({ name, release });
  }

  async releaseAll(): Promise<void> {
    for (let next = this.#releasers.pop(); next; next = this.#releasers.pop()) {
      try {
        await next.release();
      } catch (error) {
        this.#log.warn({ err: error, what: next.name }, "release failed");
      }
    }
  }
}

/**
 * Runs one process until SIGTERM, SIGINT, or (when supervised) the end of standard input; then drains it.
 * Resolves with the exit code; the caller exits with it.
 */
export async function runProcess(options: {
  log: Logger;
  supervised: boolean;
  start: () => Promise<Running>;
}): Promise<number> {
  const { log } = options;
  const stopRequested = Promise.withResolvers<string>();
  process.on("SIGTERM", () => stopRequested.resolve("SIGTERM"));
  process.on("SIGINT", () => stopRequested.resolve("SIGINT"));
  if (options.supervised) {
    process.stdin.on("end", () => stopRequested.resolve("supervisor gone"));
    process.stdin.on("error", () => stopRequested.resolve("supervisor gone"));
    process.stdin.resume();
  }
  process.on("unhandledRejection", (error) => {
    log.fatal({ err: error }, "unhandled rejection");
    process.exit(exitCodes.failed);
  });
  process.on("uncaughtException", (error) => {
    log.fatal({ err: error }, "uncaught exception");
    process.exit(exitCodes.failed);
  });

  let running: Running;
  try {
    const started = options.start();
    const first = await Promise.race([started, stopRequested.promise]);
    if (typeof first === "string") {
      // Asked to stop before it was up: nothing was taken yet, so there is nothing to drain.
      log.info({ reason: first }, "stopped while starting");
      return exitCodes.ok;
    }
    running = first;
  } catch (error) {
    log.fatal({ err: error }, "start failed");
    return exitCodes.failed;
  }
  const reason = await stopRequested.promise;
  log.info({ reason }, "draining");
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<"timeout">((resolve) => {
    timer = setTimeout(() => resolve("timeout"), drainMsMax);
  });
  try {
    const outcome = await Promise.race([running.stop(), timeout]);
    if (outcome === "timeout") {
      log.error({ drainMsMax }, "drain timed out");
      return exitCodes.drainTimedOut;
    }
  } catch (error) {
    log.error({ err: error }, "drain failed");
    return exitCodes.failed;
  } finally {
    clearTimeout(timer);
  }
  log.info("stopped");
  return exitCodes.ok;
}
