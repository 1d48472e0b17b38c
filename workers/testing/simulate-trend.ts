// For tests of alerts: hourly or daily counts of an invented product, the same for the same seed. Nights, weekends,
// days that are better or worse as a whole, noise beyond chance, growth; what is planted comes on top.
import type { Series } from "../alerts/weeks.ts";

export interface Quiet {
  readonly seed: number;
  readonly interval: "hour" | "day";
  readonly weeks: number;
  /** Mean of a bucket. */
  readonly level: number;
  /** Standard deviation of each bucket beyond chance, relative; and of whole days. */
  readonly noise: number;
  readonly dayNoise: number;
  /** A week, relative. */
  readonly growth: number;
}

export type Random = () => number;

/** Mulberry32. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export const simulatedFromMs = Date.UTC(2026, 0, 5);

/** `shape` changes the mean of a bucket by its position. */
export function simulateTrend(
  quiet: Quiet,
  shape: (mean: number, position: number) => number = (mean) => mean,
): Series {
  const random = createRandom(quiet.seed * 7919 + 13);
  const perDay = quiet.interval === "hour" ? 24 : 1;
  const stepMs = 86_400_000 / perDay;
  const startsMs: number[] = [];
  const values: number[] = [];
  let dayFactor = 1;
  for (let position = 0; position < quiet.weeks * 7 * perDay; position += 1) {
    const hour = position % perDay;
    const day = Math.floor(position / perDay);
    if (hour === 0) dayFactor = Math.exp(quiet.dayNoise * gaussian(random));
    const daily = perDay === 1 ? 1 : 1 + 0.8 * Math.sin(((hour - 9) / 24) * 2 * Math.PI);
    const weekly = day % 7 >= 5 ? 0.6 : 1.1;
    const growth = (1 + quiet.growth) ** (day / 7);
    const mean = shape(quiet.level * daily * weekly * growth, position);
    startsMs.push(simulatedFromMs + position * stepMs);
    values.push(poisson(random, mean * dayFactor * Math.exp(quiet.noise * gaussian(random))));
  }
  return { startsMs, values };
}

function gaussian(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

function poisson(random: Random, mean: number): number {
  if (mean > 60) return Math.max(0, Math.round(mean + Math.sqrt(mean) * gaussian(random)));
  const limit = Math.exp(-mean);
  let count = 0;
  for (let product = random(); product > limit; product *= random()) count += 1;
  return count;
}
