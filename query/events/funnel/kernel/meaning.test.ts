// What each sentence about funnels says, one test a sentence: people as lists of events, funnels as rules.
import { describe, expect, it } from "vitest";
import type { FunnelRules } from "./funnel-rows.ts";
import { tallyFunnel } from "./tally-funnel.ts";

/** `"a@0 b@5"`: events and their times in milliseconds; `xy@3` matches x and y; `a@0=7` has the value 7. */
type Person = string;

interface Case extends Partial<Omit<FunnelRules, "steps" | "exclusions">> {
  readonly name: string;
  /** One letter a step. */
  readonly steps?: string;
  /** `x 0 1`: the letter, from_step, to_step. */
  readonly exclusions?: readonly string[];
  readonly person: Person;
  /** Steps that the person reached. */
  readonly reached: number;
  /** Milliseconds between the steps. */
  readonly gaps?: readonly number[];
  readonly value?: number;
}

function tally(people: readonly Person[], given: Omit<Case, "name" | "person" | "reached">) {
  const { steps = "ab", exclusions = [], order = "ordered", windowMs = 10, fromMs = 0, endMs = 100 } = given;
  const letters = [...steps.split(""), ...exclusions.map((text) => text.charAt(0))];
  const events = people.flatMap((text, person) =>
    text.split(" ").map((event) => {
      const [names = "", time = "", value = "0"] = event.split(/[@=]/);
      const matching = letters.map((letter, bit) => (names.includes(letter) ? 1 << bit : 0));
      const mask = matching.reduce((all, bit) => all | bit, 0);
      return { person, time: Number(time), mask, value: Number(value) };
    }),
  );
  // In an order that says nothing.
  events.reverse();
  return tallyFunnel({
    rules: {
      ...given,
      steps: steps.length,
      order,
      windowMs,
      fromMs,
      endMs,
      exclusions: exclusions.map((text) => {
        const [, fromStep, toStep] = text.split(" ");
        return { fromStep: Number(fromStep), toStep: Number(toStep) };
      }),
    },
    rows: {
      persons: Uint32Array.from(events, ({ person }) => person),
      timesMs: Float64Array.from(events, ({ time }) => time),
      masks: Uint32Array.from(events, ({ mask }) => mask),
      values: Float64Array.from(events, ({ value }) => value),
    },
  });
}

function check(cases: readonly Case[]): void {
  it.each(cases)("$name", ({ name: _name, person, reached, gaps, value, ...given }) => {
    const outcome = tally([person], given);
    expect([...outcome.reached]).toEqual(reached === 0 ? [] : [reached]);
    if (gaps !== undefined) expect([...outcome.gapsMs]).toEqual(gaps);
    if (value !== undefined) expect([...(outcome.values ?? [])]).toEqual([value]);
  });
}

describe("attempts", () => {
  check([
    { name: "start at an event of step 1", person: "a@0 b@5", reached: 2 },
    { name: "do not start at another step", person: "b@5", reached: 0 },
    {
      name: "start at any event of step 1: the second may come further",
      person: "a@0 a@20 b@25",
      reached: 2,
    },
    { name: "count at every step that was reached", steps: "abc", person: "a@0 b@5", reached: 2 },
    { name: "start within the range, not before", fromMs: 3, person: "a@0 b@5", reached: 0 },
    { name: "start at the range's first instant", fromMs: 3, person: "a@3 b@5", reached: 2 },
    { name: "start at the range's last instant", endMs: 4, person: "a@3 b@5", reached: 2 },
    { name: "do not start after the range", endMs: 3, person: "a@3 b@5", reached: 0 },
    { name: "may have their later steps after the range", endMs: 1, person: "a@0 b@10", reached: 2 },
    { name: "of a funnel of one step need one event", steps: "a", person: "b@0 a@1", reached: 1 },
  ]);
});

describe("the window", () => {
  check([
    { name: "holds an event exactly at its end", person: "a@0 b@10", reached: 2 },
    { name: "does not hold one after its end", person: "a@0 b@11", reached: 1 },
    {
      name: "counts from the attempt's first event, not step by step",
      steps: "abc",
      person: "a@0 b@8 c@12",
      reached: 2,
    },
  ]);
});

describe("ordered", () => {
  check([
    { name: "wants the steps in order", person: "b@0 a@1", reached: 1 },
    { name: "lets other events lie between", person: "a@0 x@1 x@2 b@5", reached: 2 },
    { name: "lets equal timestamps satisfy the next step", person: "a@5 b@5", reached: 2, gaps: [0] },
    {
      name: "lets three equal timestamps satisfy three steps",
      steps: "abc",
      person: "c@5 a@5 b@5",
      reached: 3,
    },
    { name: "gives one event at most one step", steps: "aa", person: "a@0", reached: 1 },
    {
      name: "needs two events for the same event twice",
      steps: "aa",
      person: "a@0 a@3",
      reached: 2,
      gaps: [3],
    },
    {
      name: "takes two events of one instant for the same event twice",
      steps: "aa",
      person: "a@3 a@3",
      reached: 2,
    },
    {
      name: "gives an event that matches two steps only one of them",
      steps: "ab",
      person: "ab@0",
      reached: 1,
    },
    {
      name: "finds who takes which step among tied events",
      steps: "abc",
      person: "a@0 bc@1 b@1",
      reached: 3,
    },
    {
      name: "frees the tied event that a later step needs",
      steps: "abcd",
      person: "a@0 bcd@1 bc@1 b@1",
      reached: 4,
    },
    {
      name: "starts at the tied event that leaves the other for step 2",
      steps: "ab",
      person: "ab@1 a@1",
      reached: 2,
    },
    {
      name: "reaches a step as early as it can",
      steps: "abc",
      person: "a@0 b@2 b@4 c@6",
      reached: 3,
      gaps: [2, 4],
    },
  ]);
});

describe("strict", () => {
  const order = "strict" as const;
  check([
    { name: "wants every step to be the very next event", order, person: "a@0 b@1", reached: 2 },
    { name: "breaks at an event of any name between", order, person: "a@0 x@1 b@2", reached: 1 },
    { name: "breaks at a repeated step", order, person: "a@0 b@1 b@2 c@3", steps: "abc", reached: 2 },
    { name: "tries again from the next first step", order, person: "a@0 a@1 b@2", reached: 2 },
    { name: "takes an order of tied events that works", order, person: "b@5 a@5", reached: 2 },
    {
      name: "puts a tied event before the first one where that works",
      order,
      steps: "abc",
      person: "a@0 b@0 b@1 c@2",
      reached: 3,
    },
    {
      name: "cannot put a tied event away between the steps",
      order,
      steps: "abc",
      person: "a@0 b@1 x@1 c@2",
      reached: 2,
    },
    { name: "holds an event exactly at the window's end", order, person: "a@0 b@10", reached: 2 },
    { name: "ends at the window's end", order, person: "a@0 b@11", reached: 1 },
  ]);
});

describe("unordered", () => {
  const order = "unordered" as const;
  check([
    { name: "starts at any step", order, person: "b@0 a@1", reached: 2 },
    { name: "counts distinct steps, not events", order, steps: "abc", person: "b@0 b@1 a@2", reached: 2 },
    { name: "wants them in one window", order, person: "a@0 b@11", reached: 1 },
    {
      name: "holds an event exactly at the window's end, in any order",
      order,
      person: "b@0 a@10",
      reached: 2,
    },
    { name: "takes the window that holds most", order, steps: "abc", person: "a@0 b@9 c@12", reached: 2 },
    { name: "gives one event one step", order, person: "ab@0", reached: 1 },
    { name: "finds who takes which step", order, steps: "abc", person: "ab@0 bc@1 a@2", reached: 3 },
    {
      name: "gives the steps' times in the order they came",
      order,
      steps: "abc",
      person: "c@0 a@4 b@5",
      reached: 3,
      gaps: [4, 1],
    },
  ]);
});

describe("an exclusion", () => {
  const exclusions = ["x 0 1"];
  check([
    {
      name: "between its steps discards the attempt whole, step 1 included",
      exclusions,
      person: "a@0 x@1 b@2",
      reached: 0,
    },
    {
      name: "before the window's end discards when to_step is not reached",
      exclusions,
      person: "a@0 x@10",
      reached: 0,
    },
    { name: "after the window's end does not", exclusions, person: "a@0 x@11", reached: 1 },
    { name: "leaves another attempt of the person", exclusions, person: "a@0 x@1 b@2 a@3 b@4", reached: 2 },
    {
      name: "leaves a later attempt inside the same window",
      exclusions,
      person: "a@0 x@1 a@2 b@3",
      reached: 2,
      gaps: [1],
    },
    { name: "after completion is harmless", exclusions, person: "a@0 b@1 x@2", reached: 2 },
    { name: "at the instant of from_step is harmless", exclusions, person: "a@0 x@0 b@2", reached: 2 },
    { name: "at the instant of to_step is harmless", exclusions, person: "a@0 x@2 b@2", reached: 2 },
    { name: "that itself reaches to_step is harmless", exclusions: ["b 0 1"], person: "a@0 b@2", reached: 2 },
    {
      name: "before from_step was reached is harmless",
      steps: "abc",
      exclusions: ["x 1 2"],
      person: "a@0 x@1 b@2 c@3",
      reached: 3,
    },
    {
      name: "where from_step was not reached is harmless",
      steps: "abc",
      exclusions: ["x 1 2"],
      person: "a@0 x@1",
      reached: 1,
    },
    {
      name: "after its to_step and before the last is harmless",
      steps: "abc",
      exclusions: ["x 0 1"],
      person: "a@0 b@1 x@2 c@3",
      reached: 3,
    },
    {
      name: "over several steps discards between any of them",
      steps: "abc",
      exclusions: ["x 0 2"],
      person: "a@0 b@1 x@2 c@3",
      reached: 0,
    },
    {
      name: "works when events must follow directly",
      order: "strict",
      exclusions,
      person: "a@0 y@1 x@2",
      reached: 0,
    },
    {
      name: "works in any order: between the first and the second distinct step",
      order: "unordered",
      exclusions,
      person: "b@0 x@1 a@2",
      reached: 1,
    },
    { name: "of two is enough", exclusions: ["x 0 1", "y 0 1"], person: "a@0 y@1 b@2", reached: 0 },
  ]);
});

describe("times and values", () => {
  check([
    {
      name: "are of the attempt that reached furthest",
      steps: "abc",
      person: "a@0 b@9 a@20 b@21 c@23",
      reached: 3,
      gaps: [1, 2],
    },
    { name: "are of the earliest of those", person: "a@0 b@9 a@20 b@21", reached: 2, gaps: [9] },
    { name: "take the value of the attempt's first event", person: "a@0=1 b@1=2", reached: 2, value: 1 },
    {
      name: "take the value of the attempt that reached furthest",
      person: "a@0=1 a@20=2 b@21",
      reached: 2,
      value: 2,
    },
  ]);
});

describe("a trend", () => {
  const trend = { fromStep: 0, startsMs: [0, 10, 20] };
  it("counts a person once a bucket, by the attempt's first event", () => {
    const outcome = tally(["a@9 b@12 a@13", "a@1 a@2"], { trend });
    expect([...(outcome.trend?.entered ?? [])]).toEqual([2, 1, 0]);
    expect([...(outcome.trend?.converted ?? [])]).toEqual([1, 0, 0]);
  });
  it("is converted if any attempt of the bucket converted", () => {
    const outcome = tally(["a@0 b@2 a@5", "a@1 a@12 b@14"], { trend, windowMs: 3 });
    expect([...(outcome.trend?.entered ?? [])]).toEqual([2, 1, 0]);
    expect([...(outcome.trend?.converted ?? [])]).toEqual([1, 1, 0]);
  });
  it("counts who reached from_step as entered", () => {
    const outcome = tally(["a@0 b@1", "a@1"], { trend: { ...trend, fromStep: 1 }, steps: "abc" });
    expect([...(outcome.trend?.entered ?? [])]).toEqual([1, 0, 0]);
  });
  it("does not count attempts that were discarded", () => {
    const outcome = tally(["a@0 x@1 b@2"], { trend, exclusions: ["x 0 1"] });
    expect([...(outcome.trend?.entered ?? [])]).toEqual([0, 0, 0]);
  });
});

describe("people", () => {
  const people = ["a@0 b@1", "a@0", "b@0", "a@5 b@6"];
  it("reached a step", () => {
    expect([...(tally(people, { list: { step: 1, dropped: false } }).listed ?? [])]).toEqual([0, 3]);
  });
  it("dropped out before it", () => {
    expect([...(tally(people, { list: { step: 1, dropped: true } }).listed ?? [])]).toEqual([1]);
  });
});
