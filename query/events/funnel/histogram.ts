// How long conversions took, as bins of equal width that people can read: seconds, minutes, hours or days.
import type { FunnelHistogramBin } from "#schemas/query/funnel.ts";

/** Milliseconds. */
const widthsMs = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000,
  600_000, 900_000, 1_800_000, 3_600_000, 7_200_000, 10_800_000, 21_600_000, 43_200_000, 86_400_000,
] as const;
const dayMs = 86_400_000;

/** At most `binsMax` bins that hold all of them; none when there are none. */
export function buildHistogram(durationsMs: Float64Array, binsMax: number): FunnelHistogramBin[] {
  if (durationsMs.length === 0) return [];
  let least = Infinity;
  let most = -Infinity;
  for (const duration of durationsMs) {
    least = Math.min(least, duration);
    most = Math.max(most, duration);
  }
  const width = widthFor(least, most, binsMax);
  const first = Math.floor(least / width);
  const counts = new Array<number>(Math.floor(most / width) - first + 1).fill(0);
  for (const duration of durationsMs) {
    const bin = Math.floor(duration / width) - first;
    counts[bin] = (counts[bin] as number) + 1;
  }
  return counts.map((count, bin) => ({
    from_seconds: ((first + bin) * width) / 1000,
    to_seconds: ((first + bin + 1) * width) / 1000,
    count,
  }));
}

/** The smallest of the widths that needs no more bins; beyond a day, whole days. */
function widthFor(least: number, most: number, binsMax: number): number {
  const fits = (width: number): boolean => Math.floor(most / width) - Math.floor(least / width) < binsMax;
  const width = widthsMs.find(fits);
  if (width !== undefined) return width;
  let days = 2;
  while (!fits(days * dayMs)) days += 1;
  return days * dayMs;
}
