// What paths mean, a test a sentence: docs/guides/paths.md says the same in prose.
import { describe, expect, it } from "vitest";
import type { PersonEvents } from "./person-lists.ts";
import { shapePaths, type PathGraph } from "./shape.ts";
import { TransitionCounts } from "./transition-counts.ts";
import { createWalk, type WalkOptions } from "./walk-paths.ts";

const names = ["a", "b", "c", "d"];

/** Each person as "a b c": one event a second; "@9" before a name moves the clock. */
function graph(
  people: readonly string[],
  given: Partial<WalkOptions> & { anchor?: string; stepsOf?: string; nodes?: number; edges?: number } = {},
): PathGraph {
  const steps = given.steps ?? 3;
  const flags = (of: string | undefined): Uint8Array =>
    Uint8Array.from(names, (name) => (of === undefined || of.includes(name) ? 1 : 0));
  const counts = new TransitionCounts(names.length, steps);
  const walk = createWalk(
    {
      direction: "next",
      occurrence: "first",
      collapseRepeats: false,
      withinMs: undefined,
      anchorNames: flags(given.anchor),
      stepNames: flags(given.stepsOf),
      ...given,
      steps,
    },
    counts,
  );
  for (const person of people) walk(eventsOf(person));
  return shapePaths(counts, {
    names,
    direction: given.direction ?? "next",
    nodeLimit: given.nodes ?? 50,
    edgeLimit: given.edges ?? 100,
  });
}

function eventsOf(text: string): PersonEvents {
  const words = text.split(" ");
  let seconds = 0;
  const ms: number[] = [];
  const numbers: number[] = [];
  for (const word of words) {
    if (word.startsWith("@")) seconds = Number(word.slice(1));
    else {
      ms.push(seconds * 1000);
      numbers.push(names.indexOf(word));
      seconds += 1;
    }
  }
  return {
    count: ms.length,
    ms: Float64Array.from(ms),
    names: Uint32Array.from(numbers),
    anchors: new Uint8Array(ms.length).fill(1),
  };
}

/** Edges as "0 a>b 2". */
function edges(graph: PathGraph): string[] {
  return graph.edges.map(({ step, from, to, count }) => `${step} ${from}>${to} ${count}`);
}

describe("each sentence about paths", () => {
  const cases: { sentence: string; graph: PathGraph; expected: string[] }[] = [
    {
      sentence: "a path begins at the person's first anchor of the range and follows the next events",
      graph: graph(["c a b d a c"], { anchor: "a" }),
      expected: ["0 a>b 1", "1 b>d 1", "2 d>a 1"],
    },
    {
      sentence: "with previous, it follows the events before the first anchor, backwards",
      graph: graph(["c b a d a"], { anchor: "a", direction: "previous" }),
      expected: ["0 a>b 1", "1 b>c 1", "2 c>$start 1"],
    },
    {
      sentence: "a path that ends before its last step ends in $end",
      graph: graph(["a b", "a"], { anchor: "a" }),
      expected: ["0 a>$end 1", "0 a>b 1", "1 b>$end 1"],
    },
    {
      sentence: "with every, each anchor begins a path of its own",
      graph: graph(["a b a"], { anchor: "a", occurrence: "every", steps: 1 }),
      expected: ["0 a>$end 1", "0 a>b 1"],
    },
    {
      sentence: "without an event, any event is an anchor",
      graph: graph(["c a", "b"], { steps: 1 }),
      expected: ["0 b>$end 1", "0 c>a 1"],
    },
    {
      sentence: "the anchor need not be a step, and other events of its name then are none",
      graph: graph(["a b a c"], { anchor: "a", stepsOf: "bc" }),
      expected: ["0 a>b 1", "1 b>c 1", "2 c>$end 1"],
    },
    {
      sentence: "collapse_repeats skips a step with the name of the one before it, the anchor's too",
      graph: graph(["a a b b c b"], { anchor: "a", collapseRepeats: true }),
      expected: ["0 a>b 1", "1 b>c 1", "2 c>b 1"],
    },
    {
      sentence: "repeats are judged after excluded events are gone",
      graph: graph(["a b d b c"], { anchor: "a", stepsOf: "abc", collapseRepeats: true }),
      expected: ["0 a>b 1", "1 b>c 1", "2 c>$end 1"],
    },
    {
      sentence: "an anchor that is no step, inside a run, still sees the run go on",
      graph: graph(["b a b c"], { anchor: "a", stepsOf: "bc", collapseRepeats: true }),
      expected: ["0 a>b 1", "1 b>c 1", "2 c>$end 1"],
    },
    {
      sentence: "a step exactly at the window's end counts, one after it ends the path",
      graph: graph(["@0 a @10 b @11 c"], { anchor: "a", withinMs: 10_000 }),
      expected: ["0 a>b 1", "1 b>$end 1"],
    },
    {
      sentence: "the window is counted from the anchor, backwards too",
      graph: graph(["@0 c @1 b @11 a"], { anchor: "a", direction: "previous", withinMs: 10_000 }),
      expected: ["0 a>b 1", "1 b>$start 1"],
    },
    {
      sentence: "a person without an anchor has no path",
      graph: graph(["b c"], { anchor: "a" }),
      expected: [],
    },
  ];
  for (const { sentence, graph: got, expected } of cases)
    it(sentence, () => expect(edges(got)).toEqual(expected));

  it("nodes beyond the limit are $other of their step, and the counts of a step add up", () => {
    const people = ["a b", "a b", "a c", "a d"];
    const { nodes, edges: all, paths_total } = graph(people, { anchor: "a", steps: 1, nodes: 2 });
    expect(paths_total).toBe(4);
    expect(nodes).toEqual([
      { step: 0, event: "a", count: 4 },
      { step: 1, event: "$other", count: 2 },
      { step: 1, event: "b", count: 2 },
    ]);
    expect(all).toEqual([
      { step: 0, from: "a", to: "$other", count: 2 },
      { step: 0, from: "a", to: "b", count: 2 },
    ]);
  });

  it("edges beyond the limit are added to their step's edge from $other to $other", () => {
    const people = ["a b c", "a b c", "a b d", "a c d"];
    const { edges: all } = graph(people, { anchor: "a", steps: 2, edges: 2 });
    expect(all).toEqual([
      { step: 0, from: "a", to: "b", count: 3 },
      { step: 0, from: "$other", to: "$other", count: 1 },
      { step: 1, from: "$other", to: "$other", count: 2 },
      { step: 1, from: "b", to: "c", count: 2 },
    ]);
  });

  it("a person with a million events costs a million steps, not their square", () => {
    const count = 1_000_000;
    const events: PersonEvents = {
      count,
      ms: Float64Array.from({ length: count }, (_, index) => index),
      names: new Uint32Array(count),
      anchors: new Uint8Array(count).fill(1),
    };
    const counts = new TransitionCounts(names.length, 10);
    const all = new Uint8Array(names.length).fill(1);
    createWalk(
      {
        direction: "next",
        occurrence: "every",
        steps: 10,
        collapseRepeats: true,
        withinMs: undefined,
        anchorNames: all,
        stepNames: all,
      },
      counts,
    )(events);
    expect([...counts]).toEqual([{ step: 0, from: 0, to: undefined, count }]);
  });
});
