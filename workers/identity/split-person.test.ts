import { describe, expect, it } from "vitest";
import { separate, separateAll, undoJoin, type JoinEdge } from "./split-person.ts";

/** 1 ← 2 ← 3, 1 ← 4: 3 was joined to 2, then 2 and 4 to 1. */
const edges: JoinEdge[] = [
  { id: "32", joined: 3, into: 2 },
  { id: "21", joined: 2, into: 1 },
  { id: "41", joined: 4, into: 1 },
];
const sorted = (persons: ReadonlyMap<number, number>): [number, number][] =>
  [...persons].sort(([left], [right]) => left - right);

describe("separate", () => {
  it.each<{ name: string; from: number; groups: number[][]; cut: string[]; persons: number[] }>([
    {
      name: "keeps with an id what had been joined to it",
      from: 1,
      groups: [[2]],
      cut: ["21"],
      persons: [1, 2, 2, 1],
    },
    { name: "takes an id at the end out alone", from: 1, groups: [[3]], cut: ["32"], persons: [1, 1, 3, 1] },
    {
      name: "takes several out at once, each with its own number",
      from: 1,
      groups: [[3], [2], [4]],
      cut: ["32", "21", "41"],
      persons: [1, 2, 3, 4],
    },
    {
      name: "goes towards the id that asks, not towards the person's number",
      from: 3,
      groups: [[1]],
      cut: ["21"],
      persons: [1, 3, 3, 1],
    },
    {
      name: "keeps both numbers of one id together",
      from: 1,
      groups: [[2, 3]],
      cut: ["21"],
      persons: [1, 2, 2, 1],
    },
    {
      name: "changes nothing for the id that asks",
      from: 1,
      groups: [[1, 2]],
      cut: [],
      persons: [1, 1, 1, 1],
    },
    { name: "changes nothing for a stranger", from: 1, groups: [[9], []], cut: [], persons: [1, 1, 1, 1] },
  ])("$name", ({ from, groups, cut, persons }) => {
    const split = separate({ edges, person: 1, from, groups });
    expect(split.cut.map((edge) => edge.id).sort()).toEqual(cut.sort());
    expect(sorted(split.persons)).toEqual(persons.map((person, at) => [at + 1, person]));
  });
});

it("separateAll makes every id a person of its own", () => {
  const split = separateAll(edges, 1);
  expect(split.cut).toHaveLength(3);
  expect(sorted(split.persons)).toEqual([
    [1, 1],
    [2, 2],
    [3, 3],
    [4, 4],
  ]);
});

it("undoJoin leaves the person's number with the part that holds it", () => {
  const split = undoJoin({ edges, person: 3, edge: edges[1] as JoinEdge });
  expect(sorted(split.persons)).toEqual([
    [1, 1],
    [2, 3],
    [3, 3],
    [4, 1],
  ]);
});
