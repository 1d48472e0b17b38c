import { expect, it } from "vitest";
import { Parameters } from "../sql/parameters.ts";
import { countsWithin, dayCountsSql, daysOf, readDayCounts, sumOf, type CountedDays } from "./count-days.ts";

const dayMs = 86_400_000;
const scope = { events: ["order", "visit"], fromDay: 100, endDay: 110 };
const counted: CountedDays = {
  ...scope,
  counts: readDayCounts(scope, [
    [
      [100, 105, 109],
      [7, 5, 3],
    ],
    [[104], [9]],
    "of somebody else",
  ]),
};

it("answers from what was counted, whatever part of it is asked for", () => {
  const within = countsWithin(counted, { events: ["order"], fromDay: 101, endDay: 109 });
  expect(within).toEqual(new Map([["order", new Map([[105, 5]])]]));
  expect(countsWithin(counted, scope)).toEqual(counted.counts);
});

it.each([
  ["an earlier day", { events: ["order"], fromDay: 99, endDay: 105 }],
  ["a later day", { events: ["order"], fromDay: 101, endDay: 111 }],
  ["another name", { events: ["order", "signup"], fromDay: 101, endDay: 105 }],
  ["any name, which is more than those", { events: [null], fromDay: 101, endDay: 105 }],
])("has to count again for %s", (_what, asked) => {
  expect(countsWithin(counted, asked)).toBeUndefined();
});

it("has to count when nothing was counted", () => {
  expect(countsWithin(undefined, scope)).toBeUndefined();
});

it("adds up all names", () => {
  expect(sumOf(counted.counts)).toBe(24);
});

it("takes the whole days that a range touches, within the calendar", () => {
  expect(daysOf({ fromMs: 3 * dayMs + 1, endMs: 5 * dayMs })).toEqual({ fromDay: 3, endDay: 5 });
  expect(daysOf({ fromMs: 3 * dayMs, endMs: 5 * dayMs + 1 })).toEqual({ fromDay: 3, endDay: 6 });
  const all = daysOf({ fromMs: -Infinity, endMs: Infinity });
  expect([Number.isSafeInteger(all.fromDay), Number.isSafeInteger(all.endDay)]).toEqual([true, true]);
});

it("has a column for each name, in their order", () => {
  const { columns, from } = dayCountsSql(scope, new Parameters());
  expect(columns).toHaveLength(2);
  expect(from).toContain("rollup_day WHERE");
  expect(dayCountsSql({ ...scope, events: [null] }, new Parameters()).from).toContain("rollup_day_any");
});
