// A trend's buckets arranged so that the same hour of other weeks is found by position.
//   learned from: buckets since the first one that was not empty; before that there was nothing to count
import { zoneOffsetMs } from "./zone-offset.ts";

export const weekMs = 7 * 86_400_000;
/** Weeks that a bucket is compared with: enough for a median that one or two odd weeks do not move. */
export const weeksMax = 8;

export interface Series {
  readonly startsMs: readonly number[];
  /** Null: nothing to measure in that bucket. */
  readonly values: readonly (number | null)[];
}

export class Weeks {
  readonly values: readonly (number | null)[];
  readonly first: number;
  /** For each bucket its positions 1 to `weeksMax` weeks before, -1 where there is none. */
  readonly #before: Int32Array;

  constructor({ startsMs, values }: Series, zone: string) {
    this.values = values;
    const first = values.findIndex((value) => value !== null && value !== 0);
    this.first = first === -1 ? values.length : first;
    const locals = startsMs.map((start) => start + zoneOffsetMs(zone, start));
    const positions = new Map(locals.map((local, position) => [local, position]));
    this.#before = new Int32Array(startsMs.length * weeksMax).fill(-1);
    locals.forEach((local, position) => {
      for (let week = 1; week <= weeksMax; week += 1) {
        const found = positions.get(local - week * weekMs);
        if (found !== undefined && found < position) this.#before[position * weeksMax + week - 1] = found;
      }
    });
  }

  /** Value of the same hour `week` weeks earlier (0: of the bucket itself). */
  at(position: number, week: number): number | null {
    if (position < 0) return null;
    const found = week === 0 ? position : (this.#before[position * weeksMax + week - 1] ?? -1);
    return found < this.first ? null : (this.values[found] ?? null);
  }
}

export function median(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort();
  const half = sorted.length >> 1;
  const upper = sorted[half] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] ?? upper) + upper) / 2;
}
