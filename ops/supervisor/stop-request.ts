// When to stop: a signal, or the end of the launcher's pipe. A terminal's Ctrl-C arrives twice at once (from the
// terminal and from the launcher): only a later second one means "now".
import { Socket } from "node:net";

export type StopRequest = {
  /** Resolves with what asked for it. */
  readonly requested: Promise<string>;
  /** Resolves when a person pressed Ctrl-C again, more than a second after the first. */
  readonly hurried: Promise<void>;
  release(): void;
};

const secondCtrlCMs = 1_000;

export function listenForStop(options: { launcherPipe: number | undefined }): StopRequest {
  const requested = Promise.withResolvers<string>();
  const hurried = Promise.withResolvers<void>();
  let interruptedAt: number | undefined;

  const onInterrupt = (): void => {
    interruptedAt ??= Date.now();
    requested.resolve("Ctrl-C");
    if (Date.now() - interruptedAt > secondCtrlCMs) hurried.resolve();
  };
  const onTerminate = (): void => requested.resolve("SIGTERM");
  const onHangup = (): void => requested.resolve("the terminal was closed");
  process.on("SIGINT", onInterrupt);
  process.on("SIGTERM", onTerminate);
  process.on("SIGHUP", onHangup);

  const pipe = options.launcherPipe === undefined ? undefined : openPipe(options.launcherPipe);
  const onGone = (): void => requested.resolve("the launcher is gone");
  pipe?.on("end", onGone);
  pipe?.on("error", onGone);
  pipe?.resume();

  return {
    requested: requested.promise,
    hurried: hurried.promise,
    release: () => {
      process.off("SIGINT", onInterrupt);
      process.off("SIGTERM", onTerminate);
      process.off("SIGHUP", onHangup);
      pipe?.destroy();
    },
  };
}

/** undefined when the number does not name an open pipe: the variable was inherited from somewhere else. */
function openPipe(descriptor: number): Socket | undefined {
  try {
    return new Socket({ fd: descriptor, readable: true, writable: false });
  } catch {
    return undefined;
  }
}
