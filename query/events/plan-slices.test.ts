import { describe, expect, it } from "vitest";
import { planSlices, rollupsOfCounts, rollupsOfUsers } from "./plan-slices.ts";

const hour = 3_600_000;
const day = 24 * hour;

describe("planSlices", () => {
  const cases: {
    name: string;
    range: [number, number];
    bounds: number[];
    users: boolean;
    expected: [string, number, number][];
  }[] = [
    {
      name: "whole days",
      range: [0, 2 * day],
      bounds: [0, day],
      users: true,
      expected: [["rollup_day", 0, 2 * day]],
    },
    {
      name: "days that begin at another hour: hours",
      range: [-hour, day - hour],
      bounds: [-hour, 11 * hour],
      users: true,
      expected: [["rollup_hour", -hour, day - hour]],
    },
    {
      name: "ragged ends come from finer tables",
      range: [-hour - 61_001, day + 1],
      bounds: [0],
      users: false,
      expected: [
        ["steps", -hour - 61_001, -hour - 60_000],
        ["rollup_minute", -hour - 60_000, -hour],
        ["rollup_hour", -hour, 0],
        ["rollup_day", 0, day],
        ["steps", day, day + 1],
      ],
    },
    {
      name: "users have no minutes",
      range: [-60_000, hour],
      bounds: [0],
      users: true,
      expected: [
        ["steps", -60_000, 0],
        ["rollup_hour", 0, hour],
      ],
    },
    {
      name: "half-hour zones: counts by minute, users by step",
      range: [-hour / 2, day - hour / 2],
      bounds: [-hour / 2, hour * 11.5],
      users: false,
      expected: [["rollup_minute", -hour / 2, day - hour / 2]],
    },
  ];
  for (const { name, range, bounds, users, expected } of cases) {
    it(name, () => {
      const slices = planSlices(
        { fromMs: range[0], endMs: range[1] },
        bounds,
        users ? rollupsOfUsers : rollupsOfCounts,
      );
      expect(slices.map((slice) => [slice.table, slice.fromMs + 0, slice.endMs + 0])).toEqual(expected);
    });
  }

  it("covers every range without gap or overlap, and never splits a granule between buckets", () => {
    let state = 12_345;
    const random = (limit: number): number => (state = (state * 48_271) % 2_147_483_647) % limit;
    for (let round = 0; round < 300; round += 1) {
      const grid = [1, 1000, 60_000, hour, day][random(5)] as number;
      const fromMs = (random(1_000) - 500) * grid;
      const endMs = fromMs + (1 + random(400)) * grid;
      const bounds = [fromMs, fromMs + random(50) * grid, endMs - grid].sort((left, right) => left - right);
      const slices = planSlices({ fromMs, endMs }, bounds, rollupsOfCounts);
      let at = fromMs;
      for (const slice of slices) {
        expect(slice.fromMs).toBe(at);
        at = slice.endMs;
        const granule =
          { rollup_day: day, rollup_hour: hour, rollup_minute: 60_000 }[slice.table as "rollup_day"] ?? 1;
        expect([slice.fromMs % granule, slice.endMs % granule].map(Math.abs)).toEqual([0, 0]);
        for (const bound of bounds) {
          if (bound > slice.fromMs && bound < slice.endMs) expect(Math.abs(bound % granule)).toBe(0);
        }
      }
      expect(at).toBe(endMs);
    }
  });
});
