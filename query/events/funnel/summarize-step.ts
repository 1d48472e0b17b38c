// How many people reached one step, and how long it took them from the one before.
import type { FunnelOutcome } from "./kernel/funnel-rows.ts";
import { medianOf } from "./median.ts";

export interface StepSummary {
  readonly count: number;
  /** Null for the first step, and where nobody came. */
  readonly avgMs: number | null;
  readonly medianMs: number | null;
}

/** `step` counts from 0. */
export function summarizeStep(
  outcomes: readonly Pick<FunnelOutcome, "reached" | "gapsMs">[],
  step: number,
): StepSummary {
  let count = 0;
  for (const { reached } of outcomes) {
    for (let person = 0; person < reached.length; person += 1) {
      if ((reached[person] as number) > step) count += 1;
    }
  }
  if (step === 0) return { count, avgMs: null, medianMs: null };
  const durations = new Float64Array(count);
  let filled = 0;
  for (const { reached, gapsMs } of outcomes) {
    // Of each person: one gap for each step after the first.
    let from = 0;
    for (let person = 0; person < reached.length; person += 1) {
      const last = reached[person] as number;
      if (last > step) {
        durations[filled] = gapsMs[from + step - 1] as number;
        filled += 1;
      }
      from += last - 1;
    }
  }
  return { count, ...timesOf(durations) };
}

export function timesOf(durationsMs: Float64Array): { avgMs: number | null; medianMs: number | null } {
  if (durationsMs.length === 0) return { avgMs: null, medianMs: null };
  let sum = 0;
  for (let at = 0; at < durationsMs.length; at += 1) sum += durationsMs[at] as number;
  return { avgMs: sum / durationsMs.length, medianMs: medianOf(durationsMs) };
}
