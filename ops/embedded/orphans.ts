// Ends what an earlier supervisor of the same data directory left behind after a kill -9: servers and tiers that
// have not stopped by themselves yet. Only processes that carry this very data directory in their environment.
import { endProcess, findMarkedProcesses } from "./processes.ts";

/** The tiers notice that their supervisor is gone and drain; give them the time a drain may take. */
const tierWaitMsMax = 8_000;
const serverWaitMsMax = 3_000;

/** Postgres ends with its sessions open on SIGINT; SIGTERM would wait for them. A warden takes no other signal. */
export function stopSignalOf(part: string): NodeJS.Signals {
  if (part === "warden") return "SIGKILL";
  return part === "postgres" ? "SIGINT" : "SIGTERM";
}

/** Call only while holding the lock of the data directory, and before starting anything in it. */
export async function endOrphans(dataDir: string, log: (line: string) => void): Promise<void> {
  const tiers = await findMarkedProcesses(dataDir, "MILLRACE_SUPERVISED");
  await Promise.all(
    tiers.map(({ pid }) => {
      log(`ending process ${pid}, left by an earlier start`);
      return endProcess(pid, "SIGTERM", tierWaitMsMax);
    }),
  );
  const servers = await findMarkedProcesses(dataDir, "MILLRACE_PART");
  await Promise.all(
    servers.map(({ pid, value }) => {
      log(`ending ${value} (process ${pid}), left by an earlier start`);
      return endProcess(pid, stopSignalOf(value), serverWaitMsMax);
    }),
  );
}
