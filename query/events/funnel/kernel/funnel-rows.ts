// What the kernel works on and what it answers: columns of numbers, so that they pass between threads as they are.
import type { FunnelOrder } from "#schemas/query/funnel.ts";

/** One row an event, in any order. All events of a person are in one set of rows. */
export interface FunnelRows {
  readonly persons: Uint32Array;
  readonly timesMs: Float64Array;
  /** Bit i: the event matches step i; bit steps + i: it matches exclusion i. */
  readonly masks: Uint32Array;
  /** With a breakdown: a number that stands for the event's value, or for what the person is a member of. */
  readonly values?: Float64Array;
}

export interface FunnelRules {
  readonly steps: number;
  readonly order: FunnelOrder;
  readonly windowMs: number;
  /** Attempts begin in [fromMs, endMs). */
  readonly fromMs: number;
  readonly endMs: number;
  /** Steps count from 0. */
  readonly exclusions: readonly { readonly fromStep: number; readonly toStep: number }[];
  /** Starts of intervals, ascending; the first is at or before fromMs. */
  readonly trend?: { readonly fromStep: number; readonly startsMs: readonly number[] };
  /** People to name: who reached the step, or (dropped) the one before and not it. */
  readonly list?: { readonly step: number; readonly dropped: boolean };
}

/** Milliseconds; the narrow ones where no window is too long for them. */
export type GapsMs = Float64Array | Uint32Array;

/** How long people took to each step: one entry a step, nothing for the first. */
export interface StepTimes {
  readonly counts: Float64Array;
  readonly sumsMs: Float64Array;
  /** Milliseconds from the step before, of everybody who reached it. */
  readonly gapsMs: readonly GapsMs[];
  /** How many of them fall into each bin; `step-times.ts` says which. */
  readonly bins: readonly Uint32Array[];
}

/** Of people with an attempt that survived: one entry each, of the attempt that reached furthest. */
export interface FunnelOutcome {
  /** Steps reached, 1 or more. */
  readonly reached: Uint8Array;
  /** With a breakdown: the value on the attempt's first event. */
  readonly values: Float64Array | undefined;
  /** Of each person in order: milliseconds from each step that was reached to the next one. */
  readonly gapsMs: Float64Array;
  /** Instead of persons, when only all of them together are asked for. */
  readonly times?: StepTimes;
  readonly trend: { readonly entered: Uint32Array; readonly converted: Uint32Array } | undefined;
  readonly listed: Uint32Array | undefined;
}
