import { expect, it } from "vitest";
import type { QueryRun } from "../../store/query-run.ts";
import { Memory } from "./memory.ts";
import type { DaysPlan } from "./plan-days.ts";
import { isWorthJoining } from "./read-joined.ts";

const run = { projectId: 1 } as QueryRun;
const plan = (...days: { startMs: number; generation: number }[]): DaysPlan =>
  ({ days, stretches: [] }) as unknown as DaysPlan;

it("joins days that are asked for a second time, as they are", () => {
  const memory = new Memory();
  const [first, second] = [
    { startMs: 0, generation: 7 },
    { startMs: 100, generation: 8 },
  ];
  const isWorth = (of: DaysPlan, definitionId = 1): boolean =>
    isWorthJoining(memory, run, { definitionId, plan: of });
  expect(isWorth(plan(first, second))).toBe(false);
  expect(isWorth(plan(first, second))).toBe(true);
  expect(isWorth(plan(first))).toBe(false);
  expect(isWorth(plan(first, { ...second, generation: 9 }))).toBe(false);
  expect(isWorth(plan(first, second), 2)).toBe(false);
});
