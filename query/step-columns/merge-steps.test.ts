// Lists hold the rows that they were made of, whichever way they were made.
import { expect, it } from "vitest";
import { RandomSource } from "../testing/random-source.ts";
import { countDays, mergeSteps } from "./merge-steps.ts";
import { buildStepList, dayMs, lowerBound, lowerBoundFrom, tickMs, type StepList } from "./step-list.ts";

const seed = Number(process.env["MILLRACE_TEST_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const random = new RandomSource(seed);

type Row = readonly [user: number, instantMs: number];

function makeList(rows: readonly Row[], baseMs: number): StepList {
  return buildStepList([pieceOf(rows, baseMs)], baseMs);
}

function pieceOf(
  rows: readonly Row[],
  baseMs: number,
): { users: Uint32Array; ats: Uint32Array; baseMs: number } {
  return {
    users: Uint32Array.from(rows, ([user]) => user),
    ats: Uint32Array.from(rows, ([, instantMs]) => instantMs - baseMs),
    baseMs,
  };
}

function rowsIn({ users, starts, ticks, rests, baseMs }: StepList): Row[] {
  return Array.from(users).flatMap((user, index) =>
    Array.from(ticks.subarray(starts[index], starts[index + 1]), (tick, at): Row => {
      const rest = rests[(starts[index] as number) + at] as number;
      return [user, baseMs + tick * tickMs + rest];
    }),
  );
}

function sorted(rows: readonly Row[]): Row[] {
  return rows.toSorted((left, right) => left[0] - right[0] || left[1] - right[1]);
}

it(`keeps every row, in order (seed ${seed})`, () => {
  for (let round = 0; round < 200; round += 1) {
    const baseMs = random.pick([-500, 0, 20_000]) * dayMs;
    const users = random.pick([
      [0, 1, 2, 9],
      [7, 70_000, 2 ** 31, 2 ** 32 - 2],
    ]);
    const rows = random.times(random.below(120), (): Row => {
      const instantMs = baseMs + random.below(40) * dayMs + random.pick([0, 1, 255, 256, dayMs - 1]);
      return [random.pick(users), instantMs];
    });
    // Read in two pieces, the second of which begins later.
    const laterMs = baseMs + 20 * dayMs;
    const early = rows.filter(([, instantMs]) => instantMs < laterMs);
    const late = rows.filter(([, instantMs]) => instantMs >= laterMs);
    const list = buildStepList([pieceOf(early, baseMs), pieceOf(late, laterMs)], baseMs);
    expect(rowsIn(list)).toEqual(sorted(rows));
    const perDay = Array.from({ length: 40 }, (_, day) =>
      rows.reduce((sum, [, at]) => sum + (Math.floor((at - baseMs) / dayMs) === day ? 1 : 0), 0),
    );
    expect([...countDays(list, 40)]).toEqual(perDay);
  }
});

it(`merges days that are new or were read again (seed ${seed})`, () => {
  for (let round = 0; round < 200; round += 1) {
    const heldMs = 100 * dayMs;
    const baseMs = random.pick([heldMs, heldMs - 7 * dayMs]);
    const days = 40;
    const randomRows = (fromMs: number, length: number): Row[] =>
      random.times(random.below(100), (): Row => {
        const day = random.below(length);
        return [random.below(20), fromMs + day * dayMs + random.pick([0, 1, 300, dayMs - 1])];
      });
    const held = randomRows(heldMs, 20);
    const dayOf = (instantMs: number): number => Math.floor((instantMs - baseMs) / dayMs);
    const replaced = [...new Set(random.times(random.below(10), () => random.below(days)))];
    const added = randomRows(baseMs, days).filter(([, at]) => replaced.includes(dayOf(at)));
    const list = mergeSteps({
      ...{ held: makeList(held, heldMs), added: makeList(added, baseMs), baseMs, days, replaced },
    });
    const kept = held.filter(([, at]) => !replaced.includes(dayOf(at)));
    expect(rowsIn(list)).toEqual(sorted([...kept, ...added]));
    expect(list.baseMs).toBe(baseMs);
  }
});

it("finds the next user from any place before", () => {
  const numbers = Uint32Array.from(random.times(500, () => random.below(3_000))).sort();
  for (let round = 0; round < 500; round += 1) {
    const least = random.below(3_200);
    const place = lowerBound(numbers, least);
    expect(lowerBoundFrom(numbers, random.below(place + 1), least)).toBe(place);
  }
});
