// What happens to waiting events when a page is left or a process ends. Pages: as much as browsers take. Node: the
// end waits for the queue, within bounds; other handlers of the same signals are left to themselves.

/** What there may be of the surroundings. */
interface Surroundings {
  readonly document?: { readonly visibilityState: string } & Target;
  readonly process?: {
    readonly pid: number;
    on(name: string, handler: (...args: unknown[]) => void): void;
    removeListener(name: string, handler: (...args: unknown[]) => void): void;
    listenerCount(name: string): number;
    kill(pid: number, signal: string): void;
    readonly versions?: { readonly node?: string };
  };
}

interface Target {
  addEventListener(name: string, handler: () => void): void;
  removeEventListener(name: string, handler: () => void): void;
}

const surroundings = globalThis as unknown as Surroundings & Target;

export const isBrowser = surroundings.document !== undefined;

/** `leave` is called whenever the page may be gone in a moment. Answers how to stop. */
export function onPageLeft(leave: () => void): () => void {
  const { document } = surroundings;
  if (document === undefined) return () => undefined;
  const onHidden = (): void => {
    if (document.visibilityState === "hidden") leave();
  };
  // The one that comes when pages are closed on phones, and the one that comes when they are left on desks.
  document.addEventListener("visibilitychange", onHidden);
  surroundings.addEventListener("pagehide", leave);
  return () => {
    document.removeEventListener("visibilitychange", onHidden);
    surroundings.removeEventListener("pagehide", leave);
  };
}

const signals = ["SIGTERM", "SIGINT"] as const;

/** `finish` is awaited before a Node process ends by itself or by a signal. Answers how to stop. */
export function onProcessEnd(finish: () => Promise<void>): () => void {
  const { process } = surroundings;
  if (process?.versions?.node === undefined) return () => undefined;
  // Called again whenever there was something to do meanwhile: once the time is over, the process ends as it is.
  const onBeforeExit = (): void => {
    process.removeListener("beforeExit", onBeforeExit);
    void finish();
  };
  const handlers = signals.map((signal) => {
    const handler = (): void => {
      void finish().finally(() => {
        process.removeListener(signal, handler);
        // Nobody else decides when the process ends: it ends as it would have without us.
        if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
      });
    };
    return { signal, handler };
  });
  process.on("beforeExit", onBeforeExit);
  for (const { signal, handler } of handlers) process.on(signal, handler);
  return () => {
    process.removeListener("beforeExit", onBeforeExit);
    for (const { signal, handler } of handlers) process.removeListener(signal, handler);
  };
}
