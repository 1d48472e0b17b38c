import { describe, expect, it } from "vitest";
import { DayCounts, dayMs } from "./data-versions.ts";
import { planDays } from "./plan-days.ts";

/** Ten events on each of 100 days. */
const counts = new DayCounts(Array.from({ length: 100 }, (_, day) => ({ day, events: 10 })));
const windowMs = dayMs;

function day(number: number, events = 20) {
  return {
    startMs: number * dayMs,
    endMs: (number + 1) * dayMs,
    generation: 1,
    events,
    personsVersion: 0,
  };
}

function days(from: number, to: number) {
  return Array.from({ length: to - from }, (_, index) => day(from + index));
}

function plan(kept: ReturnType<typeof days>, from: number, to: number, bounds: number[] = []) {
  const question = {
    fromMs: from * dayMs,
    endMs: to * dayMs,
    windowMs,
    boundsMs: bounds.map((bound) => bound * dayMs),
  };
  const planned = planDays(question, kept, counts);
  if (planned === undefined) return undefined;
  return {
    days: planned.days.map(({ startMs }) => startMs / dayMs),
    stretches: planned.stretches.map(({ startsMs, endMs }) => [...startsMs, endMs].map((at) => at / dayMs)),
  };
}

describe("a range of kept days", () => {
  it("needs no rows when it is kept whole", () => {
    expect(plan(days(10, 40), 10, 40)).toEqual({
      days: days(10, 40).map((each) => each.startMs / dayMs),
      stretches: [],
    });
  });

  it("takes what it cuts from rows", () => {
    expect(plan(days(10, 40), 10.5, 39.5)?.stretches).toEqual([
      [10.5, 11],
      [39, 39.5],
    ]);
  });

  it("takes days from rows whose events are not those that they were made from", () => {
    const late = days(10, 40).map((each) => (each.startMs === 20 * dayMs ? { ...each, events: 19 } : each));
    expect(plan(late, 10, 40)?.stretches).toEqual([[20, 21]]);
  });

  it("reads stretches together when a window lies between them", () => {
    const kept = [...days(10, 20), ...days(21, 22), ...days(23, 40)];
    expect(plan(kept, 10, 40)?.stretches).toEqual([[20, 23]]);
  });

  it("reads at most four stretches", () => {
    const kept = days(10, 90).filter(({ startMs }) => (startMs / dayMs) % 15 !== 0);
    const stretches = plan(kept, 10, 90)?.stretches ?? [];
    expect(stretches).toHaveLength(4);
    expect(stretches.at(-1)?.at(-1)).toBe(76);
  });

  it("begins buckets inside stretches, and drops days that hold parts of two", () => {
    expect(plan(days(10, 40), 9, 40, [9, 20, 30.5])?.stretches).toEqual([
      [9, 10],
      [30, 30.5, 31],
    ]);
  });

  it("is left to rows when most of it is read anyway", () => {
    expect(plan(days(10, 13), 10, 40)).toBeUndefined();
    expect(plan([], 10, 40)).toBeUndefined();
  });
});

it("counts the UTC days that a range touches", () => {
  const few = new DayCounts([
    { day: -1, events: 1 },
    { day: 0, events: 2 },
    { day: 3, events: 4 },
  ]);
  expect(few.between(0, dayMs)).toBe(2);
  expect(few.between(-1, 1)).toBe(3);
  expect(few.between(dayMs, 3 * dayMs)).toBe(0);
  expect(few.between(dayMs, 3 * dayMs + 1)).toBe(4);
  expect(few.between(-10 * dayMs, 10 * dayMs)).toBe(7);
});
