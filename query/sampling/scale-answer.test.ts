// Scaling an answer: counts alone, wherever they lie, and bounds in the answer's shape.
import { expect, it } from "vitest";
import { sampleOf } from "../people/sample.ts";
import { CountBounds } from "./bounds.ts";
import { funnelSampling } from "./funnel-sampling.ts";
import { scaleAnswer } from "./scale-answer.ts";

const scale = new CountBounds(1 / 16);

it("scales counts and nothing else, and bounds each of them", () => {
  const { answer, bounds, users } = scaleAnswer(
    { steps: [{ label: "a", count: 10, avg_seconds: 2.5 }], none: [], returned: [4, 0], left: [-3] },
    new Set(["count", "returned", "left"]),
    scale,
  );
  expect(answer).toEqual({
    steps: [{ label: "a", count: 160, avg_seconds: 2.5 }],
    none: [],
    returned: [64, 0],
    left: [-48],
  });
  expect(bounds).toEqual({
    steps: [{ count: scale.bounds(10) }],
    returned: [scale.bounds(4), scale.bounds(0)],
    left: [[-scale.bounds(3)[1], -scale.bounds(3)[0]]],
  });
  expect(users).toBe(10);
});

it("rates of a funnel are bounded, of the whole and of each value", () => {
  const step = (count: number) => ({
    label: "x",
    count,
    rate_total: 1,
    rate_step: 1,
    avg_seconds: null,
    median_seconds: null,
  });
  const ofSample = {
    steps: [step(100), step(40)],
    breakdowns: [{ value: "NL", steps: [step(60), step(0)] }],
  };
  const { bounds } = scaleAnswer(ofSample, funnelSampling.counts, scale);
  const all = funnelSampling.moreBounds?.(ofSample, bounds) as typeof bounds;
  const [first, second] = all["steps"] as { count: unknown; rate_total?: [number, number] }[];
  expect(first).toEqual({ count: scale.bounds(100) });
  expect(second?.rate_total?.[0]).toBeLessThan(0.4);
  expect(second?.rate_total?.[1]).toBeGreaterThan(0.4);
  const [nl] = all["breakdowns"] as { steps: { rate_step?: [number, number] }[] }[];
  expect(nl?.steps[1]?.rate_step?.[0]).toBe(0);
});

it("takes no more than 1 of 16 people and no fewer than 1 of 512", () => {
  expect(sampleOf(5_000_000, 4_000_000).ranks).toBe(256);
  expect(sampleOf(240_000_000, 4_000_000).ranks).toBe(68);
  expect(sampleOf(1e12, 4_000_000).ranks).toBe(8);
});
