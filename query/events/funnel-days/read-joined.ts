// Kept days joined, in memory as long as none of them is made again: most questions about a saved funnel differ only in
// what is not kept.
import type { QueryRun } from "../../store/query-run.ts";
import type { TaskPool } from "../../task-pool.ts";
import type { Attempts } from "./attempts.ts";
import { bytesOfJoined, joinDays, type JoinedDays } from "./join-days.ts";
import type { Memory } from "./memory.ts";
import type { DaysPlan } from "./plan-days.ts";

const joinFile = new URL("./join-days.ts", import.meta.url).href;

interface KeptFunnel {
  readonly definitionId: number;
  readonly plan: DaysPlan;
}

export function readJoined(
  memory: Memory,
  run: QueryRun,
  pool: TaskPool,
  of: KeptFunnel & { readonly steps: number; readonly readDays: () => Promise<Attempts[]> },
): Promise<JoinedDays> {
  return memory.getOrMake(
    nameOf(run, of),
    async () => {
      const task = { days: await of.readDays(), steps: of.steps };
      return (await pool.run(task, { filename: joinFile, name: joinDays.name })) as JoinedDays;
    },
    bytesOfJoined,
  );
}

/** True when these very days were asked for before, so that joining them pays. */
export function isWorthJoining(memory: Memory, run: QueryRun, of: KeptFunnel): boolean {
  const asked = `asked ${nameOf(run, of)}`;
  if (memory.get(asked) !== undefined) return true;
  memory.set(asked, true, 0);
  return false;
}

function nameOf({ projectId }: QueryRun, { definitionId, plan }: KeptFunnel): string {
  const days = plan.days.map(({ startMs, generation }) => `${startMs}:${generation}`).join(" ");
  return `joined ${projectId} ${definitionId} ${days}`;
}
