// What a count in a sample says about everybody: bounds that hold with a given confidence, whatever is counted.
//
// Each of K people is in the sample independently with the chance p, so of those who are counted k is binomial
// (K, p). K is bounded by inverting that (as Clopper and Pearson did for p): the bounds are all K that make the k that
// was seen not too unlikely from either side. They are exact for small counts too, where the normal distribution
// promises too much: of none seen at 1/64, up to 336 may be there.

export type Bounds = readonly [low: number, high: number];

/** Each bound of an answer holds in so many of 100 samples. */
export const confidence = 0.99;
const tail = (1 - confidence) / 2;
/** The standard normal distribution leaves `tail` above it. */
const deviations = 2.5758293035489;
/** From here on the corrected normal distribution is as good as exact (its bounds differ by less than one in 10,000). */
const countLarge = 5_000;

/** Estimate and bounds of counts in samples of one rate; the same count is computed once. */
export class CountBounds {
  readonly rate: number;
  readonly #known = new Map<number, Bounds>();

  constructor(rate: number) {
    this.rate = rate;
  }

  estimate(count: number): number {
    return Math.round(count / this.rate);
  }

  bounds(count: number): Bounds {
    const known = this.#known.get(count);
    if (known !== undefined) return known;
    const bounds = this.rate >= 1 ? ([count, count] as const) : boundCount(count, this.rate);
    this.#known.set(count, bounds);
    return bounds;
  }
}

/** Bounds of how many there are when `count` of them came into a sample of this rate. */
export function boundCount(count: number, rate: number): Bounds {
  if (count >= countLarge) return [largeBound(count, rate, -1), largeBound(count, rate, 1)];
  return [lowest(count, rate), highest(count, rate)];
}

/** The fewest K of whom so many or more would come with a chance above `tail`. */
function lowest(count: number, rate: number): number {
  if (count === 0) return 0;
  const likely = (all: number): boolean => atLeast(count, all, rate) > tail;
  return firstWhere(count, Math.max(count, Math.ceil(count / rate)), likely);
}

/** The most K of whom so few or fewer would come with a chance above `tail`. */
function highest(count: number, rate: number): number {
  const unlikely = (all: number): boolean => 1 - atLeast(count + 1, all, rate) <= tail;
  let beyond = Math.ceil((count + 8) / rate) * 2;
  while (!unlikely(beyond)) beyond *= 2;
  return firstWhere(count, beyond, unlikely) - 1;
}

/** The first number from `low` to `high` that holds; it holds for all after it, and for `high`. */
function firstWhere(low: number, high: number, holds: (value: number) => boolean): number {
  let [left, right] = [low, high];
  while (left < right) {
    const middle = Math.floor((left + right) / 2);
    if (holds(middle)) right = middle;
    else left = middle + 1;
  }
  return left;
}

/** The chance of `count` or more of `all`, each with the chance `rate`. */
function atLeast(count: number, all: number, rate: number): number {
  if (count <= 0) return 1;
  if (count > all) return 0;
  return incompleteBeta(rate, count, all - count + 1);
}

/**
 * K where k ± ½ lies so many deviations from K·p, skewness corrected as Cornish and Fisher do, and rounded outwards.
 */
function largeBound(count: number, rate: number, side: 1 | -1): number {
  let all = count / rate;
  for (let round = 0; round < 8; round += 1) {
    const spread = Math.sqrt(all * rate * (1 - rate));
    const skew = (1 - 2 * rate) / spread;
    // The quantile of the binomial on the other side of what was seen.
    const quantile = -side * deviations + (skew * (deviations ** 2 - 1)) / 6;
    all = (count + side * 0.5 - quantile * spread) / rate;
  }
  return side === 1 ? Math.ceil(all) : Math.max(count, Math.floor(all));
}

/** Bounds of a share of which `count` of `all` were seen: Clopper and Pearson. */
export function boundShare(count: number, all: number): Bounds {
  if (all === 0) return [0, 1];
  const low = count === 0 ? 0 : bisect((share) => incompleteBeta(share, count, all - count + 1) - tail);
  const high =
    count === all ? 1 : bisect((share) => incompleteBeta(share, count + 1, all - count) - (1 - tail));
  return [low, high];
}

/** Where a function of 0 to 1 that rises crosses 0. */
function bisect(rising: (value: number) => number): number {
  let [low, high] = [0, 1];
  for (let round = 0; round < 40; round += 1) {
    const middle = (low + high) / 2;
    if (rising(middle) > 0) high = middle;
    else low = middle;
  }
  return (low + high) / 2;
}

/** I_x(a, b), by its continued fraction (Lentz). */
export function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x));
  return x < (a + 1) / (a + b + 2)
    ? (front * fraction(x, a, b)) / a
    : 1 - (front * fraction(1 - x, b, a)) / b;
}

function fraction(x: number, a: number, b: number): number {
  const tiny = 1e-300;
  const safe = (value: number): number => (Math.abs(value) < tiny ? tiny : value);
  let c = 1;
  let d = 1 / safe(1 - ((a + b) * x) / (a + 1));
  let result = d;
  // It needs about the square root of the larger parameter.
  for (let m = 1; m < 100_000; m += 1) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / safe(1 + even * d);
    c = safe(1 + even / c);
    result *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / safe(1 + odd * d);
    c = safe(1 + odd / c);
    const change = d * c;
    result *= change;
    if (Math.abs(change - 1) < 1e-14) break;
  }
  return result;
}

const lanczos = [
  676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059, 12.507343278686905,
  -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
] as const;

/** ln Γ(x) for x ≥ ½: Lanczos' approximation, by Stirling's series where that is closer. */
function logGamma(x: number): number {
  if (x > 50) {
    return (
      (x - 0.5) * Math.log(x) -
      x +
      0.9189385332046727 +
      1 / (12 * x) -
      1 / (360 * x ** 3) +
      1 / (1260 * x ** 5)
    );
  }
  let sum = 0.99999999999980993;
  lanczos.forEach((factor, index) => (sum += factor / (x + index)));
  const t = x + 6.5;
  return 0.9189385332046727 + (x - 0.5) * Math.log(t) - t + Math.log(sum);
}
