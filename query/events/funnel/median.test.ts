import { expect, it } from "vitest";
import { RandomSource } from "../../testing/random-source.ts";
import { medianOf } from "./median.ts";

const random = new RandomSource(Math.floor(Math.random() * 2 ** 31));

it("is the middle value, or lies between the two middle ones", () => {
  expect(medianOf(Float64Array.of(7))).toBe(7);
  expect(medianOf(Float64Array.of(1, 4))).toBe(2.5);
  expect(medianOf(Float64Array.of(3, 1, 2))).toBe(2);
  for (let round = 0; round < 500; round += 1) {
    const values = random.times(1 + random.below(60), () => random.below(random.pick([2, 10, 1e9])));
    const sorted = [...values].sort((left, right) => left - right);
    const middle = (sorted.length - 1) / 2;
    const expected = ((sorted[Math.floor(middle)] as number) + (sorted[Math.ceil(middle)] as number)) / 2;
    expect(medianOf(Float64Array.from(values)), values.join()).toBe(expected);
  }
});

it("counts many values in bins", () => {
  for (const below of [1, 2, 1000, 1e9, 2 ** 40]) {
    for (const count of [20_001, 30_000]) {
      const few = random.chance(0.5);
      const values = Float64Array.from(
        random.times(count, () => (few ? random.below(below) ** 2 : random.below(below))),
      );
      const sorted = values.toSorted();
      const middle = (count - 1) / 2;
      const expected = ((sorted[Math.floor(middle)] as number) + (sorted[Math.ceil(middle)] as number)) / 2;
      expect(medianOf(values), `${count} below ${below}`).toBe(expected);
    }
  }
});

it("looks across empty bins for the second of two middle values", () => {
  const values = new Float64Array(40_000).fill(1, 0, 20_000).fill(1e12, 20_000);
  expect(medianOf(values)).toBe((1 + 1e12) / 2);
  expect(medianOf(new Float64Array(40_001).fill(1).fill(1e12, 20_000))).toBe(1e12);
});
