// Which kept days answer a funnel, and which stretches of its range are computed from rows.
import type { KeptDay } from "./kept-days.ts";
import type { DayCounts } from "./data-versions.ts";

/** Computed from rows, with the instants inside at which a new bucket begins. */
export interface Stretch {
  readonly startsMs: readonly number[];
  readonly endMs: number;
}

export interface DaysPlan {
  readonly days: readonly KeptDay[];
  readonly stretches: readonly Stretch[];
}

/** Each is a statement of its own. */
const stretchesMax = 4;
/** A stretch reads a window more than it is long; when most rows are read anyway, days save nothing. */
const readShareMax = 0.75;

export interface DaysQuestion {
  readonly fromMs: number;
  readonly endMs: number;
  readonly windowMs: number;
  /** Starts of the trend's buckets. */
  readonly boundsMs: readonly number[];
}

/** Undefined: rows alone are no slower. `kept` is in order of time. */
export function planDays(
  question: DaysQuestion,
  kept: readonly KeptDay[],
  counts: DayCounts,
): DaysPlan | undefined {
  const { fromMs, endMs, windowMs, boundsMs } = question;
  let days = kept.filter(
    (day) =>
      day.startMs >= fromMs &&
      day.endMs <= endMs &&
      !boundsMs.some((bound) => bound > day.startMs && bound < day.endMs) &&
      isCurrent(day, windowMs, counts),
  );
  let gaps = gapsBetween(days, fromMs, endMs);
  for (let near = nearest(gaps); near !== undefined; near = nearest(gaps)) {
    const [left, right] = [gaps[near], gaps[near + 1]] as [Gap, Gap];
    if (right.fromMs - left.endMs > windowMs && gaps.length <= stretchesMax) break;
    // The rows between are read for the first one's window, or the statements would be too many.
    days = days.filter((day) => day.startMs < left.endMs || day.endMs > right.fromMs);
    gaps = gaps.toSpliced(near, 2, { fromMs: left.fromMs, endMs: right.endMs });
  }
  const readMs = gaps.reduce((total, gap) => total + gap.endMs - gap.fromMs + windowMs, 0);
  if (days.length === 0 || readMs > readShareMax * (endMs - fromMs + windowMs)) return undefined;
  return { days, stretches: gaps.map((gap) => cut(gap, boundsMs)) };
}

/** True when nothing was stored of what it depends on since it was made. */
export function isCurrent(day: KeptDay, windowMs: number, counts: DayCounts): boolean {
  return day.events === counts.between(day.startMs, day.endMs + windowMs);
}

interface Gap {
  readonly fromMs: number;
  readonly endMs: number;
}

function gapsBetween(days: readonly KeptDay[], fromMs: number, endMs: number): Gap[] {
  const gaps: Gap[] = [];
  let atMs = fromMs;
  for (const day of days) {
    if (day.startMs > atMs) gaps.push({ fromMs: atMs, endMs: day.startMs });
    atMs = day.endMs;
  }
  if (atMs < endMs) gaps.push({ fromMs: atMs, endMs });
  return gaps;
}

/** The gap that lies closest before its next one. */
function nearest(gaps: readonly Gap[]): number | undefined {
  let best: number | undefined;
  let leastMs = Infinity;
  for (let at = 0; at + 1 < gaps.length; at += 1) {
    const distanceMs = (gaps[at + 1] as Gap).fromMs - (gaps[at] as Gap).endMs;
    if (distanceMs >= leastMs) continue;
    best = at;
    leastMs = distanceMs;
  }
  return best;
}

function cut({ fromMs, endMs }: Gap, boundsMs: readonly number[]): Stretch {
  return { startsMs: [fromMs, ...boundsMs.filter((bound) => bound > fromMs && bound < endMs)], endMs };
}
