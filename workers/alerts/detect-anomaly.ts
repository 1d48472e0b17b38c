// What a bucket should hold, and how far from it the bucket is.
//   season: the same hour of the 8 weeks before, at least 4 of them
//   level: each of those weeks is scaled by how the day before the bucket compares with the day before that week's
//     one (median of 24 ratios), between a half and double: slow drift is no anomaly, nor for long a lasting step;
//     an outage of any length stays one
//   spread: the larger of the season's own (MAD) and of what this estimate was off by in similar hours of the last
//     week (MAD), never less than chance makes of counts (Poisson)
// The distance is in units of the spread; counts are compared by 2·sqrt(x + 3/8) (Anscombe), whose noise by chance is
// 1 at every size, so that a dip to nothing is as far as it should be.
import { median, weeksMax, type Weeks } from "./weeks.ts";

export interface Season {
  /** Buckets that tell the level. */
  readonly levelBuckets: number;
  /** Buckets whose errors tell the spread, and how many of those most like this one are used. */
  readonly errorBuckets: number;
  readonly similarBuckets: number;
}

export const seasons: Readonly<Record<"hour" | "day", Season>> = {
  hour: { levelBuckets: 24, errorBuckets: 168, similarBuckets: 48 },
  day: { levelBuckets: 7, errorBuckets: 28, similarBuckets: 14 },
};

export interface Estimate {
  readonly expected: number;
  /** Distance of the bucket's value. */
  readonly score: number;
  /** The value at that distance. */
  valueAt(score: number): number;
}

const weeksMin = 4;
/** For errors of the past, so that a week less of history suffices. */
const weeksOfErrorsMin = 3;
const errorsMin = 7;
const levelMin = 0.5;
const levelMax = 2;
/** Ratios of smaller counts say more about chance than about the level. */
const ratioCountMin = 5;
/** Draws the ratio of few events towards 1. */
const levelPrior = 10;
/** MAD of a normal distribution, as standard deviation. */
const madScale = 1.4826;
/** Of values that are no counts: smaller differences never matter. */
const relativeSpreadMin = 0.01;

/** Undefined: there is too little history to tell. */
export function detectAnomaly(
  weeks: Weeks,
  position: number,
  options: { readonly season: Season; readonly counts: boolean },
): Estimate | undefined {
  const value = weeks.at(position, 0);
  const { season, counts } = options;
  const scaled = counts ? scaleCounts : scaleMeasures(weeks, position);
  const here = value === null ? undefined : expect(weeks, position, season, counts, weeksMin);
  if (value === null || here === undefined || scaled === undefined) return undefined;

  const errors: { likeness: number; error: number }[] = [];
  for (let back = 1; back <= season.errorBuckets; back += 1) {
    const past = weeks.at(position - back, 0);
    if (past === null) continue;
    const then = expect(weeks, position - back, season, counts, weeksOfErrorsMin);
    if (then === undefined) continue;
    const likeness = Math.abs(scaled.distance(then.expected, here.expected));
    errors.push({ likeness, error: Math.abs(scaled.distance(past, then.expected)) });
  }
  if (errors.length < errorsMin) return undefined;
  errors.sort((left, right) => left.likeness - right.likeness);
  const similar = errors.slice(0, season.similarBuckets).map(({ error }) => error);
  const ofSeason = here.references.map((reference) => Math.abs(scaled.distance(reference, here.expected)));
  const spread = Math.max(
    madScale * median(similar),
    madScale * median(ofSeason),
    scaled.spreadMin(here.expected),
  );
  return {
    expected: here.expected,
    score: scaled.distance(value, here.expected) / spread,
    valueAt: (score) => scaled.valueAt(score * spread, here.expected),
  };
}

function expect(
  weeks: Weeks,
  position: number,
  season: Season,
  counts: boolean,
  referencesMin: number,
): { expected: number; references: number[] } | undefined {
  const references: number[] = [];
  for (let week = 1; week <= weeksMax; week += 1) {
    const reference = weeks.at(position, week);
    if (reference === null) continue;
    references.push(reference * levelRatio(weeks, position, week, season, counts));
  }
  return references.length < referencesMin ? undefined : { expected: median(references), references };
}

/** The level before the bucket, in levels of `week` weeks earlier. */
function levelRatio(weeks: Weeks, position: number, week: number, season: Season, counts: boolean): number {
  const ratios: number[] = [];
  let now = 0;
  let then = 0;
  for (let back = 1; back <= season.levelBuckets; back += 1) {
    const recent = weeks.at(position - back, 0);
    const earlier = weeks.at(position - back, week);
    if (recent === null || earlier === null) continue;
    now += recent;
    then += earlier;
    if (counts ? Math.max(recent, earlier) >= ratioCountMin : earlier > 0) {
      ratios.push(earlier > 0 ? recent / earlier : levelMax);
    }
  }
  let ratio = 1;
  if (ratios.length * 2 >= season.levelBuckets) ratio = median(ratios);
  else if (counts) ratio = (now + levelPrior) / (then + levelPrior);
  return Math.min(levelMax, Math.max(levelMin, ratio));
}

interface Scale {
  distance(value: number, expected: number): number;
  valueAt(distance: number, expected: number): number;
  spreadMin(expected: number): number;
}

const anscombe = (count: number): number => 2 * Math.sqrt(Math.max(0, count) + 0.375);

const scaleCounts: Scale = {
  distance: (value, expected) => anscombe(value) - anscombe(expected),
  valueAt: (distance, expected) => Math.max(0, (Math.max(0, anscombe(expected) + distance) / 2) ** 2 - 0.375),
  spreadMin: () => 1,
};

/** Sums, averages and formulas: noise grows with the root, as that of sums does; its size is learned. */
function scaleMeasures(weeks: Weeks, position: number): Scale | undefined {
  let sum = 0;
  let known = 0;
  for (let each = weeks.first; each < position; each += 1) {
    const value = weeks.values[each];
    if (value === null || value === undefined) continue;
    sum += Math.abs(value);
    known += 1;
  }
  const usual = known === 0 ? 0 : sum / known;
  // Nothing but zeros says nothing about what is usual.
  if (usual === 0) return undefined;
  const root = (expected: number): number => Math.sqrt((Math.abs(expected) + usual / 10) * usual);
  return {
    distance: (value, expected) => (value - expected) / root(expected),
    valueAt: (distance, expected) => expected + distance * root(expected),
    spreadMin: (expected) => (relativeSpreadMin * Math.max(Math.abs(expected), usual)) / root(expected),
  };
}
