// Looks at the machine's processes: which ones belong to a data directory, and when one was started.
// Linux answers from /proc, other systems through ps.
import { readdir, readFile, readlink, realpath } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { runCommand } from "./run-command.ts";

const psOptions = { env: { PATH: "/bin:/usr/bin:/usr/sbin" }, timeoutMs: 5_000 };
const isLinux = process.platform === "linux";

/** A text that stays the same for the life of a process; "" when there is no such process. */
export async function startTimeOf(pid: number): Promise<string> {
  if (isLinux) {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
    // The name in brackets may hold spaces; the fields after it do not. 1st: state, 20th: start time in ticks.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? "" : (fields[19] ?? "");
  }
  const { code, output } = await ps(["-o", "stat=,lstart=", "-p", String(pid)]);
  const [state = "Z", ...startedAt] = output.trim().split(/\s+/);
  return code !== 0 || state.startsWith("Z") ? "" : startedAt.join(" ");
}

/** The processes that carry this data directory in their environment, and the value of `marker` in each. */
export async function findMarkedProcesses(
  dataDir: string,
  marker: string,
): Promise<{ pid: number; value: string }[]> {
  const found: { pid: number; value: string }[] = [];
  for (const { pid, variables } of await listEnvironments()) {
    if (pid === process.pid || !variables.includes(`MILLRACE_DATA_DIR=${dataDir}`)) continue;
    const entry = variables.find((each) => each.startsWith(`${marker}=`));
    if (entry !== undefined) found.push({ pid, value: entry.slice(marker.length + 1) });
  }
  return found;
}

async function listEnvironments(): Promise<{ pid: number; variables: string[] }[]> {
  if (!isLinux) {
    const { output } = await ps(["-axEww", "-o", "pid=,command="]);
    return output.split("\n").map((line) => {
      const [pid, ...words] = line.trim().split(" ");
      return { pid: Number(pid), variables: words };
    });
  }
  return Promise.all(
    (await listPids()).map(async (pid) => ({
      pid,
      // Unreadable means another user's process, and those are never ours.
      variables: (await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "")).split("\0"),
    })),
  );
}

async function listPids(): Promise<number[]> {
  return (await readdir("/proc")).map(Number).filter((pid) => Number.isInteger(pid));
}

function ps(args: string[]): Promise<{ code: number | null; output: string }> {
  return runCommand("ps", args, psOptions);
}

/** The processes whose working directory this is. */
export async function findProcessesIn(directory: string): Promise<number[]> {
  if (!isLinux) {
    const { output } = await runCommand("lsof", ["-a", "-d", "cwd", "-t", "--", directory], psOptions);
    return output
      .split("\n")
      .map(Number)
      .filter((pid) => Number.isInteger(pid) && pid > 0);
  }
  const real = await realpath(directory);
  const found = await Promise.all(
    (await listPids()).map(async (pid) =>
      (await readlink(`/proc/${pid}/cwd`).catch(() => "")) === real ? [pid] : [],
    ),
  );
  return found.flat();
}

/** Sends the signal, waits, then insists with SIGKILL. */
export async function endProcess(pid: number, signal: NodeJS.Signals, waitMs: number): Promise<void> {
  const startedAt = await startTimeOf(pid);
  if (startedAt === "") return;
  sendSignal(pid, signal);
  const deadline = Date.now() + waitMs;
  while (Date.now() < deadline) {
    if ((await startTimeOf(pid)) !== startedAt) return;
    await sleep(50);
  }
  if ((await startTimeOf(pid)) !== startedAt) return;
  sendSignal(pid, "SIGKILL");
  // Killed processes end as soon as they are scheduled; a bound all the same.
  for (let tries = 0; tries < 40 && (await startTimeOf(pid)) === startedAt; tries += 1) await sleep(50);
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended by itself in the meantime.
  }
}
