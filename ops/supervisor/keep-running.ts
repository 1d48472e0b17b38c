// Keeps one part running: starts it, and when it ends without having been asked to, starts it again after a short,
// growing pause. The other parts go on meanwhile.
import type { ServerExit } from "../embedded/server-process.ts";

export type Child = {
  readonly pid: number;
  readonly exited: Promise<ServerExit>;
  stop(withinMs?: number): Promise<void>;
};

export type KeptPart<T extends Child> = {
  /** The first start; rejects when it fails, and then nothing is kept. */
  readonly started: Promise<T>;
  /** The last stop: no restart follows. */
  stop(withinMs: number): Promise<void>;
};

const backoffMsMin = 100;
const backoffMsMax = 5_000;
/** A part that ran this long was well: the next pause is short again. */
const healthyMs = 10_000;

export function keepRunning<T extends Child>(options: {
  name: string;
  /** Stops what it began when the signal fires. */
  start: (signal: AbortSignal) => Promise<T>;
  onStart?: (child: T) => void;
  onExit?: (child: T) => void;
  /** One line for people: what ended and when it starts again. */
  report: (line: string) => void;
}): KeptPart<T> {
  const stopping = new AbortController();
  const first = Promise.withResolvers<T>();
  // Whoever waits for `started` sees its failure; nobody waiting is no unhandled rejection.
  first.promise.catch(() => {});
  let current: T | undefined;

  const run = async (): Promise<void> => {
    let hasStarted = false;
    let backoffMs = backoffMsMin;
    while (!stopping.signal.aborted) {
      const beganAt = Date.now();
      let reason: string;
      try {
        const child = await options.start(stopping.signal);
        current = child;
        options.onStart?.(child);
        hasStarted = true;
        first.resolve(child);
        const exit = await child.exited;
        current = undefined;
        options.onExit?.(child);
        reason = `ended (${exit.signal ?? `exit code ${exit.code ?? "unknown"}`})`;
      } catch (error) {
        if (!hasStarted) {
          first.reject(error);
          return;
        }
        reason = `did not start (${error instanceof Error ? error.message : String(error)})`;
      }
      if (stopping.signal.aborted) return;
      if (Date.now() - beganAt >= healthyMs) backoffMs = backoffMsMin;
      options.report(`${options.name} ${reason}, starting it again in ${backoffMs} ms`);
      await pause(backoffMs, stopping.signal);
      backoffMs = Math.min(backoffMs * 2, backoffMsMax);
    }
  };
  const loop = run();

  return {
    started: first.promise,
    stop: async (withinMs) => {
      stopping.abort();
      await current?.stop(withinMs);
      await loop;
    },
  };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    const wake = (): void => {
      clearTimeout(timer);
      resolve();
    };
    signal.addEventListener("abort", wake, { once: true });
  });
}
