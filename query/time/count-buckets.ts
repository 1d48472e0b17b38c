// A given number of calendar intervals, from an instant on or up to one.
import { buildBuckets, type BucketOptions, type Buckets } from "./buckets.ts";
import { intervalMsMax, intervalMsTypical } from "./calendar.ts";

type Calendar = Pick<BucketOptions, "zone" | "interval" | "weekStart">;

/** `count` intervals; the first is the one that holds `fromMs`. */
export function bucketsFrom(fromMs: number, count: number, calendar: Calendar): Buckets {
  const { startsMs, endMs } = build(fromMs, fromMs + stretchMs(count, calendar), calendar);
  return { startsMs: startsMs.slice(0, count), endMs: startsMs[count] ?? endMs };
}

/** `count` intervals; the last is the one that holds `lastMs`. */
export function bucketsUpTo(lastMs: number, count: number, calendar: Calendar): Buckets {
  const { startsMs, endMs } = build(lastMs - stretchMs(count, calendar), lastMs + 1, calendar);
  return { startsMs: startsMs.slice(-count), endMs };
}

/** Long enough for `count` intervals, whatever the clock does meanwhile. */
function stretchMs(count: number, { interval }: Calendar): number {
  return count * intervalMsTypical(interval) + intervalMsMax(interval);
}

function build(fromMs: number, endMs: number, calendar: Calendar): Buckets {
  const buckets = buildBuckets({ ...calendar, fromMs, endMs }, Number.POSITIVE_INFINITY);
  if (buckets === undefined) throw new Error("buckets: more than there can be");
  return buckets;
}
