// One task of the pool: what is not kept, added to days that were joined before. Counts and sums change by what goes and
// what comes; the median is found by its rank among the sorted times, without those that go, with those that come.
import { findFurthest } from "./furthest-attempts.ts";
import type { StepSummary } from "../funnel/summarize-step.ts";
import type { Attempts } from "./attempts.ts";
import { countPeople, type JoinedDays } from "./join-days.ts";
import { GrowingNumbers } from "./growing-numbers.ts";

export interface AddedPart {
  readonly attempts: Attempts;
  readonly startMs: number;
  /** Persons of `changed` count in these parts alone. */
  readonly fresh: boolean;
}

export interface AddTask {
  readonly steps: number;
  readonly joined: JoinedDays;
  /** Of the joined days. */
  readonly startsMs: readonly number[];
  /** In order of time. */
  readonly parts: readonly AddedPart[];
  readonly changed: Uint32Array;
}

export function addParts(task: AddTask): StepSummary[] {
  const { steps, joined, startsMs, parts, changed } = task;
  const people = Math.max(joined.people, countPeople(parts.map(({ attempts }) => attempts)));
  const isChanged = new Uint8Array(people);
  for (const person of changed) if (person < people) isChanged[person] = 1;
  const { reached, partOf, gapOf } = findFurthest(parts, { steps, people, isChanged });

  const sizes = Float64Array.from(joined.sizes);
  const gone = Array.from({ length: steps }, () => new GrowingNumbers());
  const come = Array.from({ length: steps }, () => new GrowingNumbers());
  for (let person = 0; person < people; person += 1) {
    const level = reached[person] as number;
    const before = person < joined.people ? (joined.reached[person] as number) : 0;
    if (isChanged[person] !== 1) {
      if (level < before || level === 0) continue;
      // As far: the earlier one counts.
      const part = parts[partOf[person] as number] as AddedPart;
      if (level === before && part.startMs > (startsMs[joined.day[person] as number] as number)) continue;
    }
    if (before > 0) {
      sizes[before - 1] = (sizes[before - 1] as number) - 1;
      const from = joined.gapAt[person] as number;
      for (let step = 1; step < before; step += 1) gone[step]?.push(joined.gapsMs[from + step - 1] as number);
    }
    if (level > 0) {
      sizes[level - 1] = (sizes[level - 1] as number) + 1;
      const { gapsMs } = (parts[partOf[person] as number] as AddedPart).attempts;
      const from = gapOf[person] as number;
      for (let step = 1; step < level; step += 1) come[step]?.push(gapsMs[from + step - 1] as number);
    }
  }
  let count = 0;
  const counts = Array.from(sizes.toReversed(), (size) => (count += size)).toReversed();
  return counts.map((all, step) => ({
    count: all,
    ...timesOf(
      joined.sortedMs[step] as Uint32Array,
      gone[step] as GrowingNumbers,
      come[step] as GrowingNumbers,
    ),
  }));
}

function timesOf(
  sortedMs: Uint32Array,
  gone: GrowingNumbers,
  come: GrowingNumbers,
): { avgMs: number | null; medianMs: number | null } {
  const without = gone.values.sort();
  const plus = come.values.sort();
  const count = sortedMs.length - without.length + plus.length;
  if (count === 0) return { avgMs: null, medianMs: null };
  const ranked = (rank: number): number => rankedValue([sortedMs, plus], without, rank);
  const upper = ranked(count >>> 1);
  return {
    avgMs: (sumOf(sortedMs) - sumOf(without) + sumOf(plus)) / count,
    medianMs: count % 2 === 1 ? upper : (ranked((count >>> 1) - 1) + upper) / 2,
  };
}

/** The value with so many others before it, by halving the range of values. */
function rankedValue(lists: readonly Uint32Array[], without: Uint32Array, rank: number): number {
  let low = 0;
  let high = 2 ** 32 - 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const upTo = lists.reduce((sum, list) => sum + countUpTo(list, middle), 0) - countUpTo(without, middle);
    if (upTo > rank) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** How many of the ascending numbers are not greater. */
function countUpTo(sortedMs: Uint32Array, value: number): number {
  let low = 0;
  let high = sortedMs.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sortedMs[middle] as number) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Whole milliseconds: exact below 2^53, in whatever order. */
function sumOf(values: Uint32Array): number {
  let sum = 0;
  for (let at = 0; at < values.length; at += 1) sum += values[at] as number;
  return sum;
}
