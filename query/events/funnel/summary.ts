// What became of people, as numbers of steps: how many reached each, and how long it took from the one before.
import type { FunnelOutcome } from "./kernel/funnel-rows.ts";
import type { TaskPool } from "../../task-pool.ts";
import { addTimes, collectMiddles, findMiddle, medianOfCollected, type CollectTask } from "./step-times.ts";
import { summarizeStep, timesOf, type StepSummary } from "./summarize-step.ts";

/** Gaps of fewer people are looked through sooner than a thread is told of them. */
const inlinePersonsMax = 1_000_000;
const taskFile = new URL("./step-times.ts", import.meta.url).href;

/** Everybody. */
export async function summarize(
  outcomes: readonly FunnelOutcome[],
  steps: number,
  pool: TaskPool,
): Promise<StepSummary[]> {
  const times = outcomes.flatMap((outcome) => outcome.times ?? []);
  if (times.length === 0) return Array.from({ length: steps }, (_, step) => summarizeStep(outcomes, step));
  const { counts, sumsMs, bins } = addTimes(times, steps);
  const middles = Array.from(counts, (count, step) =>
    step === 0 || count === 0 ? undefined : findMiddle(bins[step] as Uint32Array, count),
  );
  const isInline = (counts[0] as number) <= inlinePersonsMax;
  // By part, then by step.
  const collected = await Promise.all(
    times.map(async ({ gapsMs }): Promise<Float64Array[]> => {
      const task: CollectTask = { gapsMs, middles };
      if (isInline) return collectMiddles(task);
      return (await pool.run(task, { filename: taskFile, name: collectMiddles.name })) as Float64Array[];
    }),
  );
  return middles.map((middle, step): StepSummary => {
    const count = counts[step] as number;
    if (middle === undefined) return { count, avgMs: null, medianMs: null };
    const gaps = collected.map((ofPart) => ofPart[step] as Float64Array);
    return {
      count,
      avgMs: (sumsMs[step] as number) / count,
      medianMs: medianOfCollected(gaps, middle, count),
    };
  });
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
  let converted = 0;
  each(outcomes, (_value, reached) => {
    if (reached === steps) converted += 1;
  });
  const totals = new Float64Array(converted);
  let next = 0;
  each(outcomes, (_value, reached, gapsMs, at) => {
    if (reached < steps) return;
    let total = 0;
    for (let step = 1; step < steps; step += 1) total += gapsMs[at + step - 1] as number;
    totals[next] = total;
    next += 1;
  });
  return totals;
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
