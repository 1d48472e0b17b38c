// The flat walk decides what the general walk does, at the edges of windows, of ranges and of ticks too.
import { expect, it } from "vitest";
import { buildStepList, dayMs, type StepList } from "../../../step-columns/step-list.ts";
import { RandomSource } from "../../../testing/random-source.ts";
import type { FunnelOutcome, FunnelRules } from "../kernel/funnel-rows.ts";
import { TrendMarks } from "../kernel/trend-marks.ts";
import { ColumnReader, emptyList } from "./column-reader.ts";
import { ListWalk } from "./list-walk.ts";
import { Outcomes } from "./outcomes.ts";
import { walkOrdered } from "./walk-ordered.ts";

const seed = Number(process.env["MILLRACE_TEST_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const rounds = 400;
const users = 12;
/** Before 1970 too. */
const bases = [-20, 0, 20_000].map((day) => day * dayMs);

it(`decides like the general walk (seed ${seed})`, () => {
  const random = new RandomSource(seed);
  for (let round = 0; round < rounds; round += 1) {
    const base = random.pick(bases);
    // Few instants, some milliseconds apart from each other and from a window's end.
    const windowMs = random.pick([1, 255, 256, 257, 700, 3_000]);
    const spanMs = random.pick([20, 2_000, 20_000]);
    const instant = (): number =>
      base + 3 * dayMs + random.below(spanMs) * random.pick([1, 1, windowMs, 256]);
    const steps = 1 + random.below(4);
    const lists = Array.from({ length: steps }, () =>
      randomList(random, base + random.below(3) * dayMs, instant),
    );
    const [fromMs, endMs] = [instant(), instant() + 1].toSorted((left, right) => left - right) as [
      number,
      number,
    ];
    const trend = { fromStep: random.below(steps), startsMs: [fromMs, (fromMs + endMs) / 2] };
    const rules: FunnelRules = {
      ...{ steps, order: "ordered", windowMs, fromMs, endMs, exclusions: [] },
      ...(random.chance(0.3) ? { trend } : {}),
      list: { step: random.below(steps), dropped: random.chance(0.5) },
    };
    const skipped = Uint32Array.from(random.chance(0.5) ? [] : [random.below(users)]);
    const firstUser = random.chance(0.7) ? 0 : random.below(users);
    const what = `round ${round}`;
    expect(walkFlat(rules, lists, firstUser, skipped), what).toEqual(
      walkOneByOne(rules, lists, firstUser, skipped),
    );
  }
});

function randomList(random: RandomSource, baseMs: number, instant: () => number): StepList {
  const rows = random.times(random.below(60), () => [random.below(users), instant() - baseMs] as const);
  const ats = Uint32Array.from(rows, ([, at]) => at);
  return buildStepList([{ users: Uint32Array.from(rows, ([user]) => user), ats, baseMs }], baseMs);
}

function walkFlat(
  rules: FunnelRules,
  lists: readonly StepList[],
  firstUser: number,
  skipped: Uint32Array,
): FunnelOutcome {
  const outcomes = new Outcomes(rules, users, false);
  const marks = rules.trend === undefined ? undefined : new TrendMarks(rules, rules.trend);
  walkOrdered({
    ...{ rules, lists, firstUser, skipped, selection: undefined, outcomes, marks },
    ...{ late: new Uint32Array(0), lookAtLate: () => undefined },
  });
  return outcomes.finish(marks);
}

function walkOneByOne(
  rules: FunnelRules,
  lists: readonly StepList[],
  firstUser: number,
  skipped: Uint32Array,
): FunnelOutcome {
  const outcomes = new Outcomes(rules, users, false);
  const marks = rules.trend === undefined ? undefined : new TrendMarks(rules, rules.trend);
  const instants = lists.map(emptyList);
  const walk = new ListWalk(rules, instants, [], undefined, marks);
  const readers = lists.map(
    (list, step) => new ColumnReader({ parts: [list], tail: [] }, 0, 0, instants[step] ?? emptyList()),
  );
  for (let user = firstUser; user < users; user += 1) {
    if (skipped.includes(user)) continue;
    for (const reader of readers) reader.take(user);
    walk.walk();
    if (walk.reached > 0) outcomes.add(user, walk.reached, walk.gapsMs);
  }
  return outcomes.finish(marks);
}
