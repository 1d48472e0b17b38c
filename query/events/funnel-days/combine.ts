// One task of the pool: best attempts of many buckets to the funnel over all of them. Whoever reached furthest counts
// with the attempt that reached it first, and buckets come in order of time: the first that is further wins.
import { findFurthest } from "./furthest-attempts.ts";
import type { FunnelHistogramBin } from "#schemas/query/funnel.ts";
import { buildHistogram } from "../funnel/histogram.ts";
import { timesOf, type StepSummary } from "../funnel/summarize-step.ts";
import type { Attempts } from "./attempts.ts";
import { countPeople } from "./join-days.ts";
import { medianOfNumbers } from "./median-of-numbers.ts";

export interface CombinePart {
  readonly attempts: Attempts;
  /** Of the trend. */
  readonly bucket: number;
  /** Persons of `changed` count in these parts alone. */
  readonly fresh: boolean;
}

export interface CombineTask {
  readonly steps: number;
  /** In order of time. */
  readonly parts: readonly CombinePart[];
  readonly changed: Uint32Array;
  readonly trend: { readonly fromStep: number; readonly buckets: number } | undefined;
  readonly histogram: { readonly binsMax: number } | undefined;
}

export interface Combined {
  readonly summaries: StepSummary[];
  readonly trend: { readonly entered: Uint32Array; readonly converted: Uint32Array } | undefined;
  readonly histogram:
    { bins: FunnelHistogramBin[]; count: number; avgMs: number | null; medianMs: number | null } | undefined;
}

export function combine(task: CombineTask): Combined {
  const { steps, parts } = task;
  const people = countPeople(parts.map(({ attempts }) => attempts));
  const isChanged = new Uint8Array(people);
  for (const person of task.changed) if (person < people) isChanged[person] = 1;
  const { reached: reachedOf, partOf, gapOf } = findFurthest(parts, { steps, people, isChanged });

  const exactly = new Uint32Array(steps + 1);
  for (let person = 0; person < people; person += 1) {
    const reached = reachedOf[person] as number;
    exactly[reached] = (exactly[reached] as number) + 1;
  }
  const counts = new Uint32Array(steps);
  for (let step = steps - 1, all = 0; step >= 0; step -= 1) {
    all += exactly[step + 1] as number;
    counts[step] = all;
  }
  const gapsMs = Array.from(counts, (count, step) => new Uint32Array(step === 0 ? 0 : count));
  const filled = new Uint32Array(steps);
  const conversionsMs =
    task.histogram === undefined ? undefined : new Float64Array(counts[steps - 1] as number);
  let conversions = 0;
  for (let person = 0; person < people; person += 1) {
    const reached = reachedOf[person] as number;
    if (reached < 2) continue;
    const own = parts[partOf[person] as number]?.attempts.gapsMs as Uint32Array;
    const from = gapOf[person] as number;
    let total = 0;
    for (let step = 1; step < reached; step += 1) {
      const gap = own[from + step - 1] as number;
      total += gap;
      const at = filled[step] as number;
      (gapsMs[step] as Uint32Array)[at] = gap;
      filled[step] = at + 1;
    }
    if (conversionsMs !== undefined && reached === steps) conversionsMs[conversions++] = total;
  }
  return {
    summaries: Array.from(counts, (count, step) => ({
      count,
      ...timesOfNumbers(gapsMs[step] as Uint32Array),
    })),
    trend: task.trend === undefined ? undefined : countTrend(task, task.trend, people, isChanged),
    histogram:
      conversionsMs === undefined || task.histogram === undefined
        ? undefined
        : {
            bins: buildHistogram(conversionsMs, task.histogram.binsMax),
            count: conversions,
            ...timesOf(conversionsMs),
          },
  };
}

/** A person counts once a bucket, with the furthest attempt of all its parts. */
function countTrend(
  { steps, parts }: CombineTask,
  { fromStep, buckets }: NonNullable<CombineTask["trend"]>,
  people: number,
  isChanged: Uint8Array,
): NonNullable<Combined["trend"]> {
  const entered = new Uint32Array(buckets);
  const converted = new Uint32Array(buckets);
  const lastBucket = new Int32Array(people).fill(-1);
  const reachedOf = new Uint8Array(people);
  for (const { attempts, bucket, fresh } of parts) {
    const { persons, sizes } = attempts;
    let at = 0;
    for (let reached = 1; reached <= steps; reached += 1) {
      const end = at + (sizes[reached - 1] as number);
      for (; at < end; at += 1) {
        const person = persons[at] as number;
        if (!fresh && isChanged[person] === 1) continue;
        const before = lastBucket[person] === bucket ? (reachedOf[person] as number) : 0;
        if (reached <= before) continue;
        if (before <= fromStep && reached > fromStep) entered[bucket] = (entered[bucket] as number) + 1;
        if (reached === steps) converted[bucket] = (converted[bucket] as number) + 1;
        lastBucket[person] = bucket;
        reachedOf[person] = reached;
      }
    }
  }
  return { entered, converted };
}

function timesOfNumbers(gapsMs: Uint32Array): { avgMs: number | null; medianMs: number | null } {
  if (gapsMs.length === 0) return { avgMs: null, medianMs: null };
  let sum = 0;
  for (let at = 0; at < gapsMs.length; at += 1) sum += gapsMs[at] as number;
  return { avgMs: sum / gapsMs.length, medianMs: medianOfNumbers(gapsMs) };
}
