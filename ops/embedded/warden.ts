// Holds the pipe to warden.sh, which ends the servers when this process dies in whatever way, and starts it anew
// when it dies itself.
import { spawn, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";

export type Warden = {
  /** End this process with the signal when the supervisor is gone. */
  watch(pid: number, signal: NodeJS.Signals): void;
  /** This process notices by itself; wait for it before the watched ones are ended. */
  waitFor(pid: number): void;
  forget(pid: number): void;
  stop(): Promise<void>;
};

const script = fileURLToPath(new URL("./warden.sh", import.meta.url));
const restartAfterMs = 100;

export function startWarden(options: { dataDir: string; env: NodeJS.ProcessEnv }): Warden {
  const known = new Map<number, string>();
  let child: ChildProcess;
  let isStopping = false;
  let whenGone: () => void = () => {};
  const gone = new Promise<void>((resolve) => {
    whenGone = resolve;
  });

  const tell = (line: string): void => {
    if (child.stdin?.writable === true) child.stdin.write(`${line}\n`);
  };
  const start = (): void => {
    child = spawn("/bin/sh", [script], {
      detached: true,
      cwd: "/",
      stdio: ["pipe", "ignore", "ignore"],
      env: { ...options.env, MILLRACE_DATA_DIR: options.dataDir, MILLRACE_PART: "warden" },
    });
    // A pipe whose reader was killed reports EPIPE; the exit below deals with it.
    child.stdin?.on("error", () => {});
    child.on("error", () => {});
    child.once("exit", () => {
      if (isStopping) whenGone();
      else setTimeout(start, restartAfterMs);
    });
    for (const [pid, what] of known) tell(`${what} ${pid}`);
  };
  start();

  const add = (pid: number, what: string): void => {
    known.set(pid, what);
    tell(`${what} ${pid}`);
  };
  return {
    watch: (pid, signal) => add(pid, signal.slice("SIG".length)),
    waitFor: (pid) => add(pid, "WAIT"),
    forget: (pid) => {
      known.delete(pid);
      tell(`- ${pid}`);
    },
    stop: async () => {
      isStopping = true;
      child.stdin?.end();
      if (child.exitCode !== null || child.signalCode !== null) return;
      await gone;
    },
  };
}
