// Bounds of counts hold as often as they say, computed exactly from the binomial distribution; and in samples that
// are drawn.
import { describe, expect, it } from "vitest";
import { RandomSource } from "../testing/random-source.ts";
import { boundCount, boundShare, CountBounds, incompleteBeta } from "./bounds.ts";

/** The chance that K lies in its bounds, over everything that may be seen of it. */
function coverage(all: number, rate: number): number {
  const mean = all * rate;
  const spread = Math.sqrt(mean * (1 - rate));
  const first = Math.max(0, Math.floor(mean - 8 * spread));
  const last = Math.min(all, Math.ceil(mean + 8 * spread + 8));
  const atLeast = (count: number): number =>
    count <= 0 ? 1 : count > all ? 0 : incompleteBeta(rate, count, all - count + 1);
  let covered = 0;
  // Bounds grow with the count: those that hold lie together.
  for (let count = first; count <= last; count += 1) {
    const [low, high] = boundCount(count, rate);
    if (low <= all && all <= high) covered += atLeast(count) - atLeast(count + 1);
  }
  return covered;
}

describe("bounds of a count", () => {
  it.each([1 / 16, 1 / 64, 1 / 512])("hold in 99 of 100 samples of %d, few people or many", (rate) => {
    for (const all of [0, 1, 2, 3, 7, 20, 55, 300, 1_000, 3_333, 20_000]) {
      expect(coverage(all, rate), `${all}`).toBeGreaterThanOrEqual(0.99);
    }
  });

  it.each([
    [1 / 16, 100_000],
    [1 / 64, 400_000],
    [1 / 16, 2_000_000],
  ])("hold where the normal distribution takes over: %d of %i", (rate, all) => {
    expect(coverage(all, rate)).toBeGreaterThan(0.9899);
    expect(coverage(all, rate)).toBeLessThan(0.9902);
  });

  it("grow with the count, without a leap from exact to corrected normal", () => {
    const widths = [4_998, 4_999, 5_000, 5_001].map((count) => boundCount(count, 1 / 64));
    for (const [index, [low, high]] of widths.entries()) {
      if (index === 0) continue;
      const [lowBefore, highBefore] = widths[index - 1] as readonly [number, number];
      expect(low - lowBefore).toBeGreaterThanOrEqual(40);
      expect(low - lowBefore).toBeLessThanOrEqual(90);
      expect(high - highBefore).toBeGreaterThanOrEqual(40);
      expect(high - highBefore).toBeLessThanOrEqual(90);
    }
  });

  it("say that something may be there of which nothing was seen", () => {
    const [low, high] = boundCount(0, 1 / 64);
    expect(low).toBe(0);
    // (63/64)^336 is just above a half percent.
    expect((63 / 64) ** high).toBeGreaterThan(0.005);
    expect((63 / 64) ** (high + 1)).toBeLessThanOrEqual(0.005);
  });

  it("of everybody are what was counted", () => {
    expect(new CountBounds(1).bounds(17)).toEqual([17, 17]);
    expect(new CountBounds(1).estimate(17)).toBe(17);
  });

  it("hold in samples drawn with 300 seeds", () => {
    const rate = 1 / 16;
    const counts = [3, 40, 700];
    const bounds = new CountBounds(rate);
    let outside = 0;
    for (let seed = 1; seed <= 300; seed += 1) {
      const random = new RandomSource(seed);
      for (const all of counts) {
        let seen = 0;
        for (let person = 0; person < all; person += 1) if (random.chance(rate)) seen += 1;
        const [low, high] = bounds.bounds(seen);
        if (all < low || all > high) outside += 1;
      }
    }
    // 900 tries at 1 %: 9 expected, 20 would come once in 3,000 runs if the seeds were not fixed.
    expect(outside).toBeLessThanOrEqual(20);
  });
});

describe("bounds of a share", () => {
  it("hold in 99 of 100 samples", () => {
    const all = 200;
    for (const share of [0.001, 0.02, 0.3, 0.5, 0.97]) {
      let covered = 0;
      for (let count = 0; count <= all; count += 1) {
        const [low, high] = boundShare(count, all);
        const chance =
          (count === 0 ? 1 : incompleteBeta(share, count, all - count + 1)) -
          (count === all ? 0 : incompleteBeta(share, count + 1, all - count));
        if (low <= share && share <= high) covered += chance;
      }
      expect(covered, `${share}`).toBeGreaterThanOrEqual(0.99);
    }
  });

  it("of nobody is any", () => {
    expect(boundShare(0, 0)).toEqual([0, 1]);
  });
});
