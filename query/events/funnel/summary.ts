// What became of people, as numbers of steps: how many reached each, and how long it took from the one before.
import type { FunnelOutcome } from "./kernel/funnel-rows.ts";
import { medianOf } from "./median.ts";

export interface StepSummary {
  readonly count: number;
  /** Null for the first step, and where nobody came. */
  readonly avgMs: number | null;
  readonly medianMs: number | null;
}

/** Everybody: one group, without asking for each person which one. */
export function summarize(outcomes: readonly FunnelOutcome[], steps: number): StepSummary[] {
  const exactly = new Uint32Array(steps + 1);
  for (const { reached } of outcomes) {
    for (let person = 0; person < reached.length; person += 1) add(exactly, reached[person] as number);
  }
  const counts = new Uint32Array(steps);
  for (let step = steps - 1, all = 0; step >= 0; step -= 1) {
    all += exactly[step + 1] as number;
    counts[step] = all;
  }
  const gaps = Array.from(counts, (count, step) => new Float64Array(step === 0 ? 0 : count));
  const filled = new Uint32Array(steps);
  for (const { reached, gapsMs } of outcomes) {
    let from = 0;
    for (let person = 0; person < reached.length; person += 1) {
      const last = reached[person] as number;
      for (let step = 1; step < last; step += 1, from += 1) {
        const at = filled[step] as number;
        (gaps[step] as Float64Array)[at] = gapsMs[from] as number;
        filled[step] = at + 1;
      }
    }
  }
  return gaps.map((durations, step) => ({ count: counts[step] as number, ...timesOf(durations) }));
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

export function timesOf(durationsMs: Float64Array): { avgMs: number | null; medianMs: number | null } {
  if (durationsMs.length === 0) return { avgMs: null, medianMs: null };
  let sum = 0;
  for (const duration of durationsMs) sum += duration;
  return { avgMs: sum / durationsMs.length, medianMs: medianOf(durationsMs) };
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
