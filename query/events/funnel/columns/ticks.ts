// Instants as lists hold them, ticks and rests, within the rules of one funnel. Ticks of all steps are compared on the
// scale of the first step's list. Pure.
import { dayMs, tickMs, type StepList } from "../../../step-columns/step-list.ts";
import type { FunnelRules } from "../kernel/funnel-rows.ts";

/** No list has a tick that is this high. */
export const tickMax = 2 ** 31 - 1;

/** Columns that cover more days have ticks whose differences are no 32-bit numbers. */
export const spanDaysMax = Math.floor((tickMax * tickMs) / dayMs) - 1;

export class TickRange {
  /** Attempts begin from this instant on, … */
  readonly fromTick: number;
  readonly fromRest: number;
  /** … and before this one. */
  readonly endTick: number;
  readonly endRest: number;
  /** Of a window, and milliseconds beside them. */
  readonly windowTicks: number;
  readonly windowRest: number;
  /** What is added to the ticks of each step's list. */
  readonly shifts: readonly number[];
  readonly #baseMs: number;

  constructor({ fromMs, endMs, windowMs }: FunnelRules, lists: readonly StepList[]) {
    this.#baseMs = lists[0]?.baseMs ?? 0;
    [this.fromTick, this.fromRest] = this.ticksOf(fromMs);
    [this.endTick, this.endRest] = this.ticksOf(endMs);
    this.windowTicks = Math.min(Math.floor(windowMs / tickMs), tickMax);
    this.windowRest = windowMs % tickMs;
    // Lists without rows begin nowhere.
    this.shifts = lists.map(({ baseMs, ticks }) =>
      ticks.length === 0 ? 0 : (baseMs - this.#baseMs) / tickMs,
    );
  }

  /** An instant before all of the list, or behind, is as good as the one next to it. */
  ticksOf(instantMs: number): [number, number] {
    const tick = Math.floor((instantMs - this.#baseMs) / tickMs);
    if (instantMs <= this.#baseMs) return [-1, 0];
    return tick >= tickMax ? [tickMax, 0] : [tick, instantMs - this.#baseMs - tick * tickMs];
  }
}

/**
 * The first place from `place` on with this tick or a later one, or `end`. Four ticks are compared at once, without a
 * branch, because a person has few rows and nobody can foretell which is the first; those behind the end may be
 * another person's, or padding.
 */
export function firstPlace(ticks: Int32Array, place: number, end: number, tick: number): number {
  let found = place;
  for (;;) {
    // Minus one for as long as they are less: what is added up is minus their number.
    let isLess = ((ticks[found] as number) - tick) >> 31;
    let less = isLess;
    isLess &= ((ticks[found + 1] as number) - tick) >> 31;
    less += isLess;
    isLess &= ((ticks[found + 2] as number) - tick) >> 31;
    less += isLess;
    isLess &= ((ticks[found + 3] as number) - tick) >> 31;
    less += isLess;
    found = (found - less) | 0;
    if (found >= end) return end;
    if (isLess === 0) return found;
  }
}

/** The same, of an instant: from the place that was found by its tick. */
export function placeInTick(
  { ticks, rests }: StepList,
  place: number,
  end: number,
  tick: number,
  rest: number,
): number {
  let found = place;
  while (found < end && ticks[found] === tick && (rests[found] as number) < rest) found += 1;
  return found;
}
