import { expect, it } from "vitest";
import { buildHistogram } from "./histogram.ts";

const secondsMs = (...seconds: number[]): Float64Array => Float64Array.from(seconds, (each) => each * 1000);

it("has no bins without conversions", () => {
  expect(buildHistogram(secondsMs(), 20)).toEqual([]);
});

it("has one bin for one length", () => {
  expect(buildHistogram(secondsMs(0, 0), 20)).toEqual([{ from_seconds: 0, to_seconds: 0.001, count: 2 }]);
});

it("has the narrowest readable bins that are not too many", () => {
  expect(buildHistogram(secondsMs(60, 119, 120, 290), 4)).toEqual([
    { from_seconds: 60, to_seconds: 120, count: 2 },
    { from_seconds: 120, to_seconds: 180, count: 1 },
    { from_seconds: 180, to_seconds: 240, count: 0 },
    { from_seconds: 240, to_seconds: 300, count: 1 },
  ]);
});

it("holds every conversion, in whole days where they take long", () => {
  const day = 86_400;
  const histogram = buildHistogram(secondsMs(1, 40 * day, 366 * day), 10);
  expect(histogram.length).toBeLessThanOrEqual(10);
  expect(histogram.reduce((sum, { count }) => sum + count, 0)).toBe(3);
  expect(histogram[0]?.to_seconds).toBe(37 * day);
  expect(histogram.at(-1)?.to_seconds).toBeGreaterThan(366 * day);
});
