import { describe, expect, it } from "vitest";
import { decideLearned, mayLearn, type Candidate } from "./decide-learned.ts";

const limits = { learnedMax: 3, events: 100_000_000 };

function candidate(hash: string, change: Partial<Candidate> = {}): Candidate {
  return {
    hash,
    rows: 15_000_000,
    asked: 2,
    events: 7_500_000,
    learned: false,
    idleSeconds: 0,
    refused: false,
    daysKept: 0,
    daysRefused: 0,
    failures: 0,
    ...change,
  };
}

function decide(candidates: readonly Candidate[], change: Partial<typeof limits> = {}) {
  const { kept, refused, dropped } = decideLearned(candidates, { ...limits, ...change });
  const names = (list: readonly Candidate[]): string[] => list.map(({ hash }) => hash);
  return { kept: names(kept), refused: names(refused), dropped: names(dropped) };
}

const nothing = { kept: [], refused: [], dropped: [] };

describe("what is learned", () => {
  it("a heavy question that was asked twice", () => {
    expect(decide([candidate("a")])).toEqual({ ...nothing, kept: ["a"] });
    expect(mayLearn([candidate("a")])).toBe(true);
  });

  it.each<[string, Partial<Candidate>]>([
    ["asked once", { asked: 1 }],
    ["light", { rows: 1_000_000, asked: 100 }],
    ["known to have too many values", { refused: true }],
  ])("not one that is %s", (_what, change) => {
    expect(decide([candidate("a", change)])).toEqual(nothing);
    expect(mayLearn([candidate("a", change)])).toBe(false);
  });

  it("the most costly ones, as many as are allowed", () => {
    const all = [1, 5, 3, 4, 2].map((cost) => candidate(`${cost}`, { rows: cost * 10_000_000 }));
    expect(decide(all).kept).toEqual(["5", "4", "3"]);
    expect(decide(all, { learnedMax: 0 })).toEqual(nothing);
  });

  it("no more than the project's events are worth, but smaller ones behind a large one", () => {
    const all = [
      candidate("all", { rows: 9e9, events: 150_000_000 }),
      candidate("most", { rows: 8e9, events: 90_000_000 }),
      candidate("few", { events: 1_000_000 }),
    ];
    expect(decide(all).kept).toEqual(["all", "few"]);
    // A small project may have all of them.
    expect(decide(all.slice(2), { events: 1_000_000 }).kept).toEqual(["few"]);
  });
});

describe("what was learned", () => {
  const learned = (hash: string, change: Partial<Candidate> = {}) =>
    candidate(hash, { learned: true, daysKept: 90, ...change });

  it("stays while it is used, however light its questions became", () => {
    expect(decide([learned("a", { rows: 1, asked: 0.1, idleSeconds: 13 * 86_400 })]).kept).toEqual(["a"]);
  });

  it("goes when it was not used for a fortnight, or when nothing may be learned", () => {
    expect(decide([learned("a", { idleSeconds: 15 * 86_400 })])).toEqual({ ...nothing, dropped: ["a"] });
    expect(decide([learned("a")], { learnedMax: 0 })).toEqual({ ...nothing, dropped: ["a"] });
  });

  it("goes for one that costs more than twice as much, not for one that costs a little more", () => {
    const others = [learned("b", { rows: 1e9 }), learned("c", { rows: 1e9 })];
    const weak = learned("a", { rows: 20_000_000 });
    expect(decide([weak, ...others, candidate("new", { rows: 30_000_000 })]).dropped).toEqual([]);
    expect(decide([weak, ...others, candidate("new", { rows: 50_000_000 })])).toMatchObject({
      kept: ["b", "c", "new"],
      dropped: ["a"],
    });
  });

  it.each<[string, Partial<Candidate>]>([
    ["most of its days have too many values", { daysKept: 3, daysRefused: 10 }],
    ["it fails again and again", { failures: 5 }],
  ])("is refused when %s", (_what, change) => {
    expect(decide([learned("a", change)])).toEqual({ ...nothing, refused: ["a"] });
  });
});
