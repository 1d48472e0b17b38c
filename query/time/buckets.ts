// The buckets of a time series: where local intervals begin, as instants. Computed here once and handed to the
// store as numbers, so that the store's own time zone data and rounding functions never decide a boundary.
import { floorLocal, intervalMsMax, nextLocal, type Interval, type WeekStart } from "./calendar.ts";
import { buildZoneSegments } from "./zone-segments.ts";

export interface Buckets {
  /** Starts in ascending order, epoch milliseconds; the first is at or before the range's first instant. */
  readonly startsMs: readonly number[];
  /** Start of the interval after the last bucket. */
  readonly endMs: number;
}

export interface BucketOptions {
  /** First instant of the range. */
  fromMs: number;
  /** First instant after the range. */
  endMs: number;
  zone: string;
  interval: Interval;
  weekStart: WeekStart;
}

/**
 * Buckets that cover [fromMs, endMs), or undefined when there would be more than `bucketsMax`.
 *
 * A minute or hour begins where the local clock shows its first instant, and where a jump of the clock lands in
 * another one: an hour that is lived twice is two buckets, one that is half skipped begins after the gap. Days,
 * weeks and months begin once, at the first instant of their first day that exists; one that is skipped whole
 * (30 December 2011 in Apia) has no bucket.
 */
export function buildBuckets(options: BucketOptions, bucketsMax: number): Buckets | undefined {
  const { interval, weekStart } = options;
  const repeats = interval === "minute" || interval === "hour";
  const margin = intervalMsMax(interval);
  const segments = buildZoneSegments(options.zone, options.fromMs - margin, options.endMs + margin);
  const startsMs: number[] = [];
  // Key of the interval that the clock is in; for days and longer the highest one so far.
  let key: number | undefined;

  for (const segment of segments) {
    const localStart = segment.startMs + segment.offsetMs;
    let local = floorLocal(localStart, interval, weekStart);
    const begins = key !== undefined && (repeats ? local !== key || local === localStart : local > key);
    if (!begins) {
      if (key === undefined || local > key || repeats) key = local;
      local = nextLocal(local, interval);
    }
    for (let first = begins; ; first = false, local = nextLocal(local, interval)) {
      const at = first ? segment.startMs : local - segment.offsetMs;
      if (at >= segment.endMs) break;
      // After the clock went back over a midnight, the day that begins again is still the same bucket.
      if (!first && !repeats && key !== undefined && local <= key) continue;
      key = local;
      if (at >= options.endMs) return { startsMs, endMs: at };
      if (at <= options.fromMs) startsMs.length = 0;
      startsMs.push(at);
      if (startsMs.length > bucketsMax) return undefined;
    }
  }
  throw new Error("buckets: the zone's segments end before the range");
}
