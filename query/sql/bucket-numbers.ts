// The buckets of a range as numbers of rows, and back: boundaries travel as numbers, so the store and this process agree
// exactly.
import type { Buckets } from "../time/buckets.ts";
import type { Parameters } from "./parameters.ts";

/** Common length of all buckets in seconds, or undefined when they differ (months, days of 23 hours). */
function uniformSeconds(buckets: Buckets): number | undefined {
  const { startsMs, endMs } = buckets;
  const step = (startsMs[1] ?? endMs) - (startsMs[0] as number);
  const uniform = startsMs.every((start, index) => (startsMs[index + 1] ?? endMs) - start === step);
  return uniform ? step / 1000 : undefined;
}

/** An Int64 that stands for the bucket of a column, a DateTime64 in whole seconds; see `bucketIndexes`. */
export function bucketOfColumn(column: string, buckets: Buckets, parameters: Parameters): string {
  const originMs = buckets.startsMs[0] as number;
  const offset = `toUnixTimestamp64Second(${column}) - ${parameters.bind("Int64", originMs / 1000)}`;
  return bucketOfOffset(offset, buckets, parameters);
}

/** The same for seconds since the start of the first bucket. */
export function bucketOfOffset(offset: string, buckets: Buckets, parameters: Parameters): string {
  const originMs = buckets.startsMs[0] as number;
  // Offsets are never negative, so integer division rounds down. All boundaries are whole seconds.
  const step = uniformSeconds(buckets);
  if (step !== undefined) return `intDiv(${offset}, ${parameters.bind("Int64", step)})`;
  const offsets = buckets.startsMs.map((start) => (start - originMs) / 1000);
  return `toInt64(roundDown(${offset}, ${parameters.bind("Array(Int64)", offsets)}))`;
}

/** From what stands for a bucket to the position in `startsMs`. */
export function bucketIndexes(buckets: Buckets): (bucket: number) => number | undefined {
  if (uniformSeconds(buckets) !== undefined) return (bucket) => bucket;
  const originMs = buckets.startsMs[0] as number;
  const indexes = new Map(buckets.startsMs.map((start, index) => [(start - originMs) / 1000, index]));
  return (bucket) => indexes.get(bucket);
}

/** What stands for each bucket, in order. */
export function bucketKeys(buckets: Buckets): number[] {
  const originMs = buckets.startsMs[0] as number;
  const uniform = uniformSeconds(buckets) !== undefined;
  return buckets.startsMs.map((start, index) => (uniform ? index : (start - originMs) / 1000));
}
