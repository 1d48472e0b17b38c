// How a range is cut into kept days, kept hours and rows.
import { expect, it } from "vitest";
import { KeptDays } from "./kept-days.ts";
import { planKept } from "./kept-slices.ts";

const dayMs = 86_400_000;
const hourMs = 3_600_000;

/** Days 10 to 19 were looked at; 13 is to be computed again, 20 is not over. */
const kept = new KeptDays({
  cover: { selectorId: 1, rest: [] },
  event: "order",
  days: [10, 11, 12, 14, 15].map((day) => ({ event: "order", day, generation: 7 })),
  missing: new Set([13]),
  fromDay: 10,
  endDay: 20,
});

const cases: {
  name: string;
  /** In days. */
  range: readonly [number, number];
  bounds: readonly number[];
  /** In days; undefined: rows answer everything. */
  expected: Record<string, readonly (readonly [number, number])[]> | undefined;
}[] = [
  {
    name: "whole days, and rows where nothing is kept",
    range: [10, 16],
    bounds: [10, 11, 12, 13, 14, 15],
    expected: {
      partial_day: [
        [10, 13],
        [14, 16],
      ],
      events: [[13, 14]],
    },
  },
  {
    name: "closed days without events are kept, the open one and those not looked at are not",
    range: [8, 21],
    bounds: [8],
    expected: {
      events: [
        [8, 10],
        [13, 14],
        [20, 21],
      ],
      partial_day: [
        [10, 13],
        [14, 20],
      ],
    },
  },
  {
    name: "edges by the hour, minutes from rows",
    range: [10 + 1.5 / 24, 12],
    bounds: [10],
    expected: {
      events: [[10 + 1.5 / 24, 10 + 2 / 24]],
      partial_hour: [[10 + 2 / 24, 11]],
      partial_day: [[11, 12]],
    },
  },
  {
    name: "local days by the hour",
    range: [10 + 2 / 24, 12 + 2 / 24],
    bounds: [10 + 2 / 24, 11 + 2 / 24],
    expected: { partial_hour: [[10 + 2 / 24, 12 + 2 / 24]] },
  },
  {
    name: "local days of zones with half hours from rows",
    range: [10 + 1.5 / 24, 12 + 1.5 / 24],
    bounds: [10 + 1.5 / 24, 11 + 1.5 / 24],
    expected: undefined,
  },
  { name: "only days that are to be computed", range: [13, 14], bounds: [13], expected: undefined },
];

it.each(cases)("$name", ({ range, bounds, expected }) => {
  const toMs = (days: number): number => Math.round((days * dayMs) / (hourMs / 2)) * (hourMs / 2);
  const plan = planKept({ fromMs: toMs(range[0]), endMs: toMs(range[1]) }, bounds.map(toMs), kept, "events");
  const got = plan && Object.fromEntries(plan.slices.map(({ table, ranges }) => [table, ranges]));
  expect(got).toEqual(
    expected &&
      Object.fromEntries(
        Object.entries(expected).map(([table, ranges]) => [
          table,
          ranges.map(([from, end]) => ({ fromMs: toMs(from), endMs: toMs(end) })),
        ]),
      ),
  );
});
