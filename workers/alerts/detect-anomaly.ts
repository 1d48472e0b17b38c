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

interface Season {
  /** Buckets that tell the level. */
  readonly levelBuckets: number;
  /** Buckets whose errors tell the spread, and how many of those most like this one are used. */
  readonly errorBuckets: number;
  readonly similarBuckets: number;
}

const seasons: Readonly<Record<"hour" | "day", Season>> = {
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

/** What a bucket should hold, and what each week says it should. */
interface Expectation {
  readonly expected: number;
  readonly references: readonly number[];
}

export class AnomalyDetector {
  readonly weeks: Weeks;
  readonly #season: Season;
  readonly #counts: boolean;
  /** Neighbours are asked about the same past. */
  readonly #expectations = new Map<number, Expectation>();

  /** `counts`: the values are numbers of events or people. */
  constructor(weeks: Weeks, interval: "hour" | "day", counts: boolean) {
    this.weeks = weeks;
    this.#season = seasons[interval];
    this.#counts = counts;
  }

  /** Undefined: there is too little history to tell. */
  estimate(position: number): Estimate | undefined {
    const value = this.weeks.at(position, 0);
    const here = this.#expect(position);
    const scaled = this.#counts ? scaleCounts : scaleMeasures(this.weeks, position);
    if (value === null || here.references.length < weeksMin || scaled === undefined) return undefined;
    const { expected, references } = here;
    const errors = this.#errorsBefore(position, expected, scaled);
    if (errors.length < errorsMin) return undefined;
    const spread = Math.max(
      madScale * median(errors),
      madScale * median(references.map((reference) => Math.abs(scaled.distance(reference, expected)))),
      scaled.spreadMin(expected),
    );
    return {
      expected,
      score: scaled.distance(value, expected) / spread,
      valueAt: (score) => scaled.valueAt(score * spread, expected),
    };
  }

  /** How far off the expectation was in the buckets before that are most like this one. */
  #errorsBefore(position: number, expected: number, scaled: Scale): number[] {
    const errors: { likeness: number; error: number }[] = [];
    for (let back = 1; back <= this.#season.errorBuckets; back += 1) {
      const past = this.weeks.at(position - back, 0);
      if (past === null) continue;
      const then = this.#expect(position - back);
      if (then.references.length < weeksOfErrorsMin) continue;
      const likeness = Math.abs(scaled.distance(then.expected, expected));
      errors.push({ likeness, error: Math.abs(scaled.distance(past, then.expected)) });
    }
    errors.sort((left, right) => left.likeness - right.likeness);
    return errors.slice(0, this.#season.similarBuckets).map(({ error }) => error);
  }

  #expect(position: number): Expectation {
    let known = this.#expectations.get(position);
    if (known === undefined) {
      const references: number[] = [];
      for (let week = 1; week <= weeksMax; week += 1) {
        const reference = this.weeks.at(position, week);
        if (reference === null) continue;
        references.push(reference * levelRatio(this.weeks, position, week, this.#season, this.#counts));
      }
      known = { expected: median(references), references };
      this.#expectations.set(position, known);
    }
    return known;
  }
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
