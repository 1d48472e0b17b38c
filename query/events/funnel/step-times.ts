// Times between the steps of many people, added up part by part: each thread counts those of its people in bins, whoever
// asked adds the bins, and only gaps of the bin in the middle are looked at again. The median is exact. Pure.
import type { GapsMs, StepTimes } from "./kernel/funnel-rows.ts";
import { medianOfMiddle } from "./median.ts";

/**
 * Bins are the leading bits of a gap as a 64-bit float: an exponent and 7 bits of the mantissa, so that a bin is less
 * than a hundredth of its gaps wide, be they seconds or months, and all bins fit into the nearest cache. The first one is of 0, the last of all beyond 139 years.
 */
const binsOfOctave = 128;
const octaves = 42;
export const bins = 1 + binsOfOctave * octaves;
/** The upper half of 1.0, and how many of its bits no bin looks at. */
const oneUpper = 0x3ff00000;
const bitsOfBin = 13;

/** Little endian on nearly all processors that Node.js runs on. */
const upper = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1 ? 1 : 0;

/** `gapsOf` may be longer than there are people. */
export function tallyTimes(counts: Float64Array, gapsOf: readonly GapsMs[]): StepTimes {
  const gapsMs = gapsOf.map((gaps, step) => gaps.subarray(0, step === 0 ? 0 : counts[step]));
  const sumsMs = new Float64Array(gapsMs.length);
  const binsOf = gapsMs.map((gaps, step) => {
    const counted = new Uint32Array(step === 0 ? 0 : bins);
    sumsMs[step] = gaps instanceof Uint32Array ? countNarrow(gaps, counted) : countWide(gaps, counted);
    return counted;
  });
  return { counts, sumsMs, gapsMs, bins: binsOf };
}

/** Answers their sum. */
function countWide(gapsMs: Float64Array, counts: Uint32Array): number {
  let sum = 0;
  for (let at = 0; at < gapsMs.length; at += 1) sum += gapsMs[at] as number;
  const words = new Uint32Array(gapsMs.buffer, gapsMs.byteOffset, 2 * gapsMs.length);
  for (let at = upper; at < words.length; at += 2) {
    const bits = words[at] as number;
    const bin = bits < oneUpper ? 0 : ((bits - oneUpper) >>> bitsOfBin) + 1;
    const to = bin < bins ? bin : bins - 1;
    counts[to] = (counts[to] as number) + 1;
  }
  return sum;
}

/** The same bins, without floats. */
function countNarrow(gapsMs: Uint32Array, counts: Uint32Array): number {
  let sum = 0;
  for (let at = 0; at < gapsMs.length; at += 1) {
    const gapMs = gapsMs[at] as number;
    sum += gapMs;
    const zeros = Math.clz32(gapMs);
    const mantissa = ((gapMs << zeros) >>> 24) & (binsOfOctave - 1);
    const bin = (31 - zeros) * binsOfOctave + mantissa + 1;
    const to = bin > 0 ? bin : 0;
    counts[to] = (counts[to] as number) + 1;
  }
  return sum;
}

export function addTimes(
  all: readonly StepTimes[],
  steps: number,
): Pick<StepTimes, "counts" | "sumsMs" | "bins"> {
  const counts = new Float64Array(steps);
  const sumsMs = new Float64Array(steps);
  const binsOf = Array.from({ length: steps }, (_, step) => new Uint32Array(step === 0 ? 0 : bins));
  for (const each of all) {
    for (let step = 0; step < steps; step += 1) {
      counts[step] = (counts[step] as number) + (each.counts[step] as number);
      sumsMs[step] = (sumsMs[step] as number) + (each.sumsMs[step] as number);
      const from = each.bins[step] as Uint32Array;
      const to = binsOf[step] as Uint32Array;
      for (let bin = 0; bin < from.length; bin += 1) to[bin] = (to[bin] as number) + (from[bin] as number);
    }
  }
  return { counts, sumsMs, bins: binsOf };
}

/** Where the gaps in the middle lie: [fromMs, endMs). */
export interface Middle {
  readonly fromMs: number;
  readonly endMs: number;
  /** Gaps that are less. */
  readonly before: number;
}

/** Of the one or two gaps in the middle of `count`, which is not 0. */
export function findMiddle(counts: Uint32Array, count: number): Middle {
  const last = Math.floor(count / 2);
  const first = count % 2 === 1 ? last : last - 1;
  let bin = 0;
  let before = 0;
  while (before + (counts[bin] as number) <= first) {
    before += counts[bin] as number;
    bin += 1;
  }
  const fromMs = startOf(bin);
  let end = before + (counts[bin] as number);
  while (end <= last) {
    bin += 1;
    end += counts[bin] as number;
  }
  return { fromMs, endMs: startOf(bin + 1), before };
}

function startOf(bin: number): number {
  if (bin === 0) return 0;
  if (bin >= bins) return Infinity;
  const value = new Float64Array(1);
  new Uint32Array(value.buffer)[upper] = oneUpper + (bin - 1) * 2 ** bitsOfBin;
  return value[0] as number;
}

/** No gap is longer: it lies between the first instant and the last that can be asked for. */
const gapMsMax = 2 ** 44;

export interface CollectTask {
  readonly gapsMs: readonly GapsMs[];
  /** One a step; undefined where nothing is looked for. */
  readonly middles: readonly (Middle | undefined)[];
}

/** The gaps that lie in the middle, of each step. */
export function collectMiddles({ gapsMs, middles }: CollectTask): Float64Array[] {
  return gapsMs.map((gaps, step) => {
    const found: number[] = [];
    const middle = middles[step];
    if (middle === undefined) return new Float64Array(0);
    const { fromMs, endMs } = middle;
    // One comparison that is nearly always false: two would be a toss for each gap.
    const centre = (fromMs + Math.min(endMs, gapMsMax)) / 2;
    const half = Math.ceil(centre - fromMs);
    for (let at = 0; at < gaps.length; at += 1) {
      const gapMs = gaps[at] as number;
      if (Math.abs(gapMs - centre) <= half && gapMs >= fromMs && gapMs < endMs) found.push(gapMs);
    }
    return Float64Array.from(found);
  });
}

/** `collected`: of all people, what lies in the middle of the step. */
export function medianOfCollected(collected: readonly Float64Array[], middle: Middle, count: number): number {
  const gaps = new Float64Array(collected.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const each of collected) {
    gaps.set(each, at);
    at += each.length;
  }
  return medianOfMiddle(gaps, middle.before, count);
}
