// The flat walk decides what the general walk does, at the edges of windows, of ranges and of ticks too, of persons who
// have rows of the latest days, of filters, and of any number of steps.
import { expect, it } from "vitest";
import type { SelectedPersons } from "../../../people/select-persons.ts";
import { buildStepList, dayMs, type StepList } from "../../../step-columns/step-list.ts";
import type { Column } from "../../../step-columns/step-columns.ts";
import { RandomSource } from "../../../testing/random-source.ts";
import type { FunnelOutcome, FunnelRules, GapsMs } from "../kernel/funnel-rows.ts";
import { TrendMarks } from "../kernel/trend-marks.ts";
import { ColumnReader, emptyList } from "./column-reader.ts";
import { stretchUsers } from "./join-users.ts";
import { ListWalk } from "./list-walk.ts";
import { Outcomes } from "./outcomes.ts";
import { Selection } from "./selection.ts";
import { isFlat, walkFlat } from "./walk-flat.ts";

const seed = Number(process.env["MILLRACE_TEST_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const rounds = 400;
/** Before 1970 too. */
const bases = [-20, 0, 20_000].map((day) => day * dayMs);

interface Case {
  readonly rules: FunnelRules;
  readonly columns: readonly Column[];
  readonly columnOf: readonly number[];
  readonly part: number;
  readonly days: number;
  readonly firstUser: number;
  readonly skipped: Uint32Array;
  readonly selected: SelectedPersons | undefined;
}

it(`decides like the general walk (seed ${seed})`, () => {
  const random = new RandomSource(seed);
  let reached = 0;
  for (let round = 0; round < rounds; round += 1) {
    const one = randomCase(random);
    expect(isFlat(one)).toBe(true);
    for (const areAdded of [false, true]) {
      const what = `round ${round}, added ${areAdded}`;
      const expected = inAnyOrder(walkOneByOne(one, areAdded));
      expect(inAnyOrder(walkAll(one, areAdded)), what).toEqual(expected);
      reached += expected.persons.filter((person) => !person.startsWith("1")).length;
    }
  }
  expect(reached).toBeGreaterThan(rounds / 4);
});

it("leaves to the general walk what ticks and users are too far apart for", () => {
  const one = randomCase(new RandomSource(seed));
  expect(isFlat({ ...one, days: 40 * 366 })).toBe(false);
  const far = buildStepList([{ users: Uint32Array.of(2 ** 31), ats: Uint32Array.of(0), baseMs: 0 }], 0);
  expect(isFlat({ ...one, columns: one.columns.map(() => ({ parts: [far], tail: [] })) })).toBe(false);
  expect(isFlat({ ...one, columns: one.columns.map(() => ({ parts: [], tail: [far] })) })).toBe(false);
});

function randomCase(random: RandomSource): Case {
  const base = random.pick(bases);
  // Few instants, some milliseconds apart from each other and from a window's end.
  const windowMs = random.pick([1, 255, 256, 257, 700, 3_000, 60 * dayMs]);
  const spanMs = random.pick([20, 2_000, 20_000]);
  const spacings = [1, 1, 256, Math.min(windowMs, 3_000)];
  const instant = (): number => base + 3 * dayMs + random.below(spanMs) * random.pick(spacings);
  // Sometimes of several stretches, and with numbers that no row has.
  const users = random.chance(0.03) ? 3 * stretchUsers : random.pick([3, 12]);
  const sparsity = random.pick([1, 3]);
  const user = (): number => sparsity * random.below(users);
  const steps = 1 + random.below(6);
  const lateMs = random.chance(0.3) ? Infinity : instant();
  const columns = Array.from({ length: steps }, (): Column => {
    const rows = random.times(random.below(5 * users), () => [user(), instant()] as const);
    const early = rows.filter(([, at]) => at < lateMs);
    const late = rows.filter(([, at]) => at >= lateMs);
    // What has no rows has no list.
    return {
      parts: early.length === 0 || random.chance(0.1) ? [] : [listOf(early, base + random.below(3) * dayMs)],
      tail: late.length === 0 || random.chance(0.1) ? [] : [listOf(late, base + 3 * dayMs)],
    };
  });
  const instants = [instant(), instant() + 1].toSorted((left, right) => left - right);
  const [fromMs, endMs] = (random.chance(0.6) ? [base, base + 90 * dayMs] : instants) as [number, number];
  const trend = {
    fromStep: random.below(steps),
    startsMs: startsOf(random, fromMs, random.times(random.below(9), instant)),
  };
  const persons = Uint32Array.from(new Set(random.times(random.below(users), user))).sort();
  return {
    rules: {
      ...{ steps, order: "ordered", windowMs, fromMs, endMs, exclusions: [] },
      ...(random.chance(0.3) ? { trend } : {}),
      list: { step: random.below(steps), dropped: random.chance(0.5) },
    },
    columns,
    columnOf: columns.map((_, step) => step),
    part: 0,
    days: 4,
    firstUser: random.chance(0.7) ? 0 : user(),
    skipped: Uint32Array.from(random.chance(0.5) ? [] : [user()]),
    selected: random.chance(0.5) ? undefined : { persons, complement: random.chance(0.5) },
  };
}

/** Of intervals, the first at or before the range; others often begin where events are. */
function startsOf(random: RandomSource, fromMs: number, instants: readonly number[]): number[] {
  const later = instants.filter((instant) => instant > fromMs);
  return [...new Set([fromMs - random.below(2), ...later])].toSorted((left, right) => left - right);
}

function listOf(rows: readonly (readonly [number, number])[], baseMs: number): StepList {
  const ats = Uint32Array.from(rows, ([, at]) => at - baseMs);
  return buildStepList([{ users: Uint32Array.from(rows, ([user]) => user), ats, baseMs }], baseMs);
}

function walkAll(one: Case, areAdded: boolean): FunnelOutcome {
  const { outcomes, marks } = collectors(one, areAdded);
  walkFlat({ ...one, outcomes, marks });
  return outcomes.finish(marks);
}

function walkOneByOne(one: Case, areAdded: boolean): FunnelOutcome {
  const { rules, columns, firstUser, skipped } = one;
  const { outcomes, marks } = collectors(one, areAdded);
  const instants = columns.map(emptyList);
  const walk = new ListWalk(rules, instants, [], undefined, marks);
  const readers = columns.map(
    (column, step) => new ColumnReader(column, 0, firstUser, instants[step] ?? emptyList()),
  );
  const selection = new Selection(one.selected, firstUser);
  for (const user of usersOf(columns)) {
    if (user < firstUser || skipped.includes(user) || !selection.hasNext(user)) continue;
    for (const reader of readers) reader.take(user);
    walk.walk();
    if (walk.reached > 0) outcomes.add(user, walk.reached, walk.gapsMs);
  }
  return outcomes.finish(marks);
}

function collectors(
  { rules, columns }: Case,
  areAdded: boolean,
): { outcomes: Outcomes; marks: TrendMarks | undefined } {
  const marks = rules.trend === undefined ? undefined : new TrendMarks(rules, rules.trend);
  return { outcomes: new Outcomes(rules, usersOf(columns).length, areAdded), marks };
}

function usersOf(columns: readonly Column[]): number[] {
  const lists = columns.flatMap(({ parts, tail }) => [...parts, ...tail]);
  return [...new Set(lists.flatMap(({ users }) => [...users]))].toSorted((left, right) => left - right);
}

/** Persons, each as what was reached and the times to it. */
function inAnyOrder({ reached, gapsMs, listed, times, ...rest }: FunnelOutcome): {
  readonly persons: readonly string[];
} {
  let next = 0;
  const persons = Array.from(reached, (count) => {
    const gaps = gapsMs.subarray(next, next + count - 1);
    next += count - 1;
    return [count, ...gaps].join(" ");
  });
  return {
    ...rest,
    persons: persons.toSorted(),
    ...{ listed: listed?.toSorted() },
    ...(times === undefined
      ? {}
      : { times: { ...times, gapsMs: sorted(times.gapsMs), bins: filled(times.bins) } }),
  };
}

function sorted(lists: readonly GapsMs[]): GapsMs[] {
  return lists.map((gaps) => gaps.toSorted());
}

/** The bins that are not empty. */
function filled(bins: readonly Uint32Array[]): string[] {
  return bins.map((counts) => {
    let text = "";
    counts.forEach((count, bin) => (text += count === 0 ? "" : `${bin}: ${count} `));
    return text;
  });
}
