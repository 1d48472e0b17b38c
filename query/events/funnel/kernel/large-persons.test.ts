// A person with 100,000 events costs no more than their number: nothing grows with its square.
import { describe, expect, it } from "vitest";
import { tallyFunnel } from "./tally-funnel.ts";

describe("a person with 100,000 events", () => {
  const rows = 100_000;
  const many = (mask: (row: number) => number, timeOf: (row: number) => number): FunnelRulesRows => ({
    persons: new Uint32Array(rows),
    timesMs: Float64Array.from({ length: rows }, (_, row) => timeOf(row)),
    masks: Uint32Array.from({ length: rows }, (_, row) => mask(row)),
  });
  type FunnelRulesRows = Parameters<typeof tallyFunnel>[0]["rows"];
  const inTurn = (row: number): number => row;
  it.each([
    {
      name: "of which every one begins an attempt that fails",
      order: "ordered",
      mask: () => 1,
      timeOf: inTurn,
    },
    {
      name: "whose steps come in the wrong order",
      order: "ordered",
      mask: (row: number) => (row < rows / 2 ? 2 : 1),
      timeOf: inTurn,
    },
    { name: "of which every one matches several steps", order: "ordered", mask: () => 3, timeOf: inTurn },
    { name: "all at one instant", order: "ordered", mask: (row: number) => 1 + (row % 3), timeOf: () => 5 },
    {
      name: "followed by many at one instant",
      order: "ordered",
      mask: (row: number) => (row < rows / 2 ? 1 : 3),
      timeOf: (row: number) => Math.min(row, rows / 2),
    },
    { name: "that follow each other", order: "strict", mask: () => 3, timeOf: inTurn },
    {
      name: "in any order",
      order: "unordered",
      mask: (row: number) => (row % 2 === 0 ? 1 : 3),
      timeOf: inTurn,
    },
  ] as const)("$name, takes no time that grows with its square", ({ order, mask, timeOf }) => {
    const outcome = tallyFunnel({
      // A third step that never comes keeps every attempt from being the best one.
      rules: {
        steps: 3,
        order,
        windowMs: rows,
        fromMs: 0,
        endMs: rows,
        exclusions: [],
        trend: { fromStep: 0, startsMs: [0] },
      },
      rows: many(mask, timeOf),
    });
    // Its square would take minutes: the limit of every test ends it.
    expect(outcome.reached.length).toBe(1);
  });
});
