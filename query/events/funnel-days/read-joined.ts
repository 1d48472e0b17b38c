// Kept days joined, in memory as long as none of them is made again: most questions about a saved funnel differ only in
// what is not kept.
import type { QueryRun } from "../../store/query-run.ts";
import type { TaskPool } from "../../task-pool.ts";
import type { Attempts } from "./attempts.ts";
import { bytesOfJoined, joinDays, type JoinedDays } from "./join-days.ts";
import type { Memory } from "./memory.ts";
import type { DaysPlan } from "./plan-days.ts";

const joinFile = new URL("./join-days.ts", import.meta.url).href;

export function readJoined(
  memory: Memory,
  run: QueryRun,
  pool: TaskPool,
  of: {
    readonly definitionId: number;
    readonly steps: number;
    readonly plan: DaysPlan;
    readonly readDays: () => Promise<Attempts[]>;
  },
): Promise<JoinedDays> {
  const days = of.plan.days.map(({ startMs, generation }) => `${startMs}:${generation}`).join(" ");
  return memory.getOrMake(
    `joined ${run.projectId} ${of.definitionId} ${days}`,
    async () => {
      const task = { days: await of.readDays(), steps: of.steps };
      return (await pool.run(task, { filename: joinFile, name: joinDays.name })) as JoinedDays;
    },
    bytesOfJoined,
  );
}
