// The buckets of a query's range, refused when there would be too many.
import { invalidQuery } from "#schemas/query/check.ts";
import { buildBuckets, type BucketOptions, type Buckets } from "./buckets.ts";
import { intervalMsTypical } from "./calendar.ts";

/** Throws INVALID_QUERY that names `interval`. */
export function readBuckets(options: BucketOptions, bucketsMax: number): Buckets {
  const least = (options.endMs - options.fromMs) / intervalMsTypical(options.interval);
  const buckets = least > bucketsMax + 2 ? undefined : buildBuckets(options, bucketsMax);
  if (buckets !== undefined) return buckets;
  throw invalidQuery([
    {
      path: "interval",
      message: `gives more than ${bucketsMax} buckets for this range; use a longer interval, a shorter range or fewer series`,
    },
  ]);
}
