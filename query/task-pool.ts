// The threads of the query tier: work that would keep this process from answering others.
import { Piscina } from "piscina";

/** Tasks that wait for a thread; the memory of each is bounded by whoever hands it in. */
const tasksWaitingMax = 256;
const idleMsMax = 60_000;

export type TaskPool = Pick<Piscina, "run">;

/** `threadsKept`: so many are there before the first task, and stay when none comes for long. */
export function createTaskPool(threads: number, threadsKept = 0): Piscina {
  return new Piscina({
    minThreads: threadsKept,
    maxThreads: threads,
    maxQueue: tasksWaitingMax,
    idleTimeout: idleMsMax,
  });
}
