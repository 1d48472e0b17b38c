// What became of people, as numbers of steps: how many reached each, and how long it took from the one before.
import type { FunnelOutcome } from "./kernel/funnel-rows.ts";
import type { TaskPool } from "../../task-pool.ts";
import { summarizeStep, timesOf, type StepSummary, type SummaryTask } from "./summarize-step.ts";

/** Fewer people are added up sooner than a thread is told of them. */
const inlinePersonsMax = 100_000;
const taskFile = new URL("./summarize-step.ts", import.meta.url).href;

/** Everybody; of many people in memory that threads share, a step a thread. */
export function summarize(
  outcomes: readonly FunnelOutcome[],
  steps: number,
  pool: TaskPool,
): Promise<StepSummary[]> {
  const persons = outcomes.reduce((sum, { reached }) => sum + reached.length, 0);
  const areShared = outcomes.every(({ gapsMs }) => gapsMs.buffer instanceof SharedArrayBuffer);
  const isInline = persons <= inlinePersonsMax || !areShared;
  return Promise.all(
    Array.from({ length: steps }, async (_, step): Promise<StepSummary> => {
      // Who reached the first step is counted while the threads are told of the others.
      if (isInline || step === 0) return summarizeStep({ outcomes, step });
      const task: SummaryTask = {
        outcomes: outcomes.map(({ reached, gapsMs }) => ({ reached, gapsMs })),
        step,
      };
      return (await pool.run(task, { filename: taskFile, name: summarizeStep.name })) as StepSummary;
    }),
  );
}

/** One summary a group; `groupOf` tells the group of a person's value, or undefined for none. */
export function summarizeGroups(
  outcomes: readonly FunnelOutcome[],
  steps: number,
  groups: number,
  groupOf: (value: number) => number | undefined,
): StepSummary[][] {
  // By group and step.
  const counts = new Uint32Array(groups * steps);
  each(outcomes, (value, reached) => {
    const group = groupOf(value);
    if (group === undefined) return;
    for (let step = 0; step < reached; step += 1) add(counts, group * steps + step);
  });
  const gaps = Array.from(counts, (count, at) => new Float64Array(at % steps === 0 ? 0 : count));
  const filled = new Uint32Array(groups * steps);
  each(outcomes, (value, reached, gapsMs, from) => {
    const group = groupOf(value);
    if (group === undefined) return;
    for (let step = 1; step < reached; step += 1) {
      const at = group * steps + step;
      (gaps[at] as Float64Array)[filled[at] as number] = gapsMs[from + step - 1] as number;
      add(filled, at);
    }
  });
  return Array.from({ length: groups }, (_, group) =>
    Array.from({ length: steps }, (_step, step) => ({
      count: counts[group * steps + step] as number,
      ...timesOf(gaps[group * steps + step] as Float64Array),
    })),
  );
}

function add(counts: Uint32Array, at: number): void {
  counts[at] = (counts[at] as number) + 1;
}

/** Milliseconds from the first step to the last, of everybody who reached it. */
export function conversionsMs(outcomes: readonly FunnelOutcome[], steps: number): Float64Array {
  const totals: number[] = [];
  each(outcomes, (_value, reached, gapsMs, at) => {
    if (reached < steps) return;
    let total = 0;
    for (let step = 1; step < steps; step += 1) total += gapsMs[at + step - 1] as number;
    totals.push(total);
  });
  return Float64Array.from(totals);
}

/** How many people there are of each value. */
export function countValues(outcomes: readonly FunnelOutcome[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const { values } of outcomes) {
    for (const value of values ?? []) counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  return counts;
}

/** Everybody: the value, steps reached, and where the gaps of the person begin. */
function each(
  outcomes: readonly FunnelOutcome[],
  visit: (value: number, reached: number, gapsMs: Float64Array, from: number) => void,
): void {
  for (const { reached, values, gapsMs } of outcomes) {
    let from = 0;
    for (let person = 0; person < reached.length; person += 1) {
      const steps = reached[person] as number;
      visit(values?.[person] ?? 0, steps, gapsMs, from);
      from += steps - 1;
    }
  }
}
