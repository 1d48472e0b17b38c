import { expect, it } from "vitest";
import { RandomSource } from "../../testing/random-source.ts";
import { medianOfNumbers } from "./median-of-numbers.ts";

it.each([
  { values: [7], median: 7 },
  { values: [7, 9], median: 8 },
  { values: [2 ** 32 - 1, 0, 65_536], median: 65_536 },
  { values: [65_535, 65_536], median: 65_535.5 },
])("$values: $median", ({ values, median }) => {
  expect(medianOfNumbers(Uint32Array.from(values))).toBe(median);
});

it("is that of sorted numbers", () => {
  const random = new RandomSource(1);
  for (let length = 1; length < 200; length += 1) {
    const values = Uint32Array.from(
      random.times(length, () => random.below(random.pick([3, 70_000, 2 ** 32]))),
    );
    const sorted = values.toSorted();
    const [low, high] = [sorted[(length - 1) >>> 1] as number, sorted[length >>> 1] as number];
    expect(medianOfNumbers(values)).toBe((low + high) / 2);
  }
});
