// Thousands of small random people: ties, events that match several steps, exclusions, all orders. The kernel agrees
// with a reference that tries everything.
import { expect, it } from "vitest";
import { funnelOrders } from "#schemas/query/funnel.ts";
import {
  bestAttempt,
  survivingAttempts,
  type FunnelReferenceEvent,
} from "../../../testing/funnel-reference.ts";
import { RandomSource } from "../../../testing/random-source.ts";
import type { FunnelRules } from "./funnel-rows.ts";
import { tallyFunnel } from "./tally-funnel.ts";

const seed = Number(process.env["MILLRACE_TEST_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const cases = Number(process.env["MILLRACE_TEST_CASES"] ?? 4000);

const random = new RandomSource(seed);

function randomRules(): FunnelRules {
  const steps = 1 + random.below(4);
  const fromMs = random.below(4);
  return {
    steps,
    order: random.pick(funnelOrders),
    windowMs: 1 + random.below(8),
    fromMs,
    endMs: fromMs + 1 + random.below(12),
    exclusions:
      steps === 1
        ? []
        : random.times(random.below(3), () => {
            const fromStep = random.below(steps - 1);
            return { fromStep, toStep: fromStep + 1 + random.below(steps - fromStep - 1) };
          }),
    // Without one, the best attempt ends the search.
    ...(random.chance(0.5) ? { trend: { fromStep: random.below(steps), startsMs: [0, 3, 4, 9] } } : {}),
    list: { step: random.below(steps), dropped: random.chance(0.5) },
  };
}

function randomPerson(rules: FunnelRules): FunnelReferenceEvent[] {
  const overlap = random.pick([0, 0.2, 0.6]);
  const span = random.pick([3, 6, 12]);
  return random.times(1 + random.below(8), () => {
    const own = random.below(rules.steps + 1);
    return {
      timeMs: random.below(span),
      steps: Array.from({ length: rules.steps }, (_, step) => step).filter(
        (step) => step === own || random.chance(overlap),
      ),
      exclusions: rules.exclusions.flatMap((_, index) => (random.chance(0.12) ? [index] : [])),
      value: random.below(3),
    };
  });
}

function maskOf(event: FunnelReferenceEvent, steps: number): number {
  const bits = [...event.steps, ...event.exclusions.map((index) => steps + index)];
  return bits.reduce((mask, bit) => mask | (1 << bit), 0);
}

function expected(rules: FunnelRules, people: readonly FunnelReferenceEvent[][]): object {
  const surviving = people.map((events) => survivingAttempts(events, rules));
  const best = surviving.map(bestAttempt);
  const entered = best.filter((attempt) => attempt !== undefined);
  const { fromStep = 0, startsMs = [] } = rules.trend ?? {};
  const { step, dropped } = rules.list as NonNullable<FunnelRules["list"]>;
  const inBucket = (reached: number): number[] =>
    startsMs.map(
      (start, bucket) =>
        surviving.filter((attempts) =>
          attempts.some(
            ({ startMs, timesMs }) =>
              startMs >= start && startMs < (startsMs[bucket + 1] ?? Infinity) && timesMs.length >= reached,
          ),
        ).length,
    );
  return {
    reached: entered.map(({ timesMs }) => timesMs.length),
    values: entered.map(({ value }) => value),
    gapsMs: entered.flatMap(({ timesMs }) =>
      timesMs.slice(1).map((time, index) => time - (timesMs[index] as number)),
    ),
    trend: { entered: inBucket(fromStep + 1), converted: inBucket(rules.steps) },
    listed: best.flatMap((attempt, person) => {
      const reached = attempt?.timesMs.length ?? 0;
      return (dropped ? reached === step && reached > 0 : reached > step) ? [person] : [];
    }),
  };
}

it(`agrees with the reference (seed ${seed}, ${cases} cases)`, { timeout: 5_000 + cases * 10 }, () => {
  let entered = 0;
  let converted = 0;
  for (let index = 0; index < cases; index += 1) {
    const rules = randomRules();
    const people = random.times(3, () => randomPerson(rules));
    const rows = random.shuffled(
      people.flatMap((events, person) => events.map((event) => ({ person, event }))),
    );
    const outcome = tallyFunnel({
      rules,
      rows: {
        persons: Uint32Array.from(rows, ({ person }) => person),
        timesMs: Float64Array.from(rows, ({ event }) => event.timeMs),
        masks: Uint32Array.from(rows, ({ event }) => maskOf(event, rules.steps)),
        values: Float64Array.from(rows, ({ event }) => event.value),
      },
    });
    const got = {
      reached: [...outcome.reached],
      values: [...(outcome.values ?? [])],
      gapsMs: [...outcome.gapsMs],
      trend: {
        entered: [...(outcome.trend?.entered ?? [])],
        converted: [...(outcome.trend?.converted ?? [])],
      },
      listed: [...(outcome.listed ?? [])],
    };
    expect(got, `seed ${seed}, case ${index}: ${JSON.stringify({ rules, people })}`).toEqual(
      expected(rules, people),
    );
    entered += got.reached.length;
    converted += got.reached.filter((reached) => reached === rules.steps && reached > 1).length;
  }
  expect(entered).toBeGreaterThan(cases);
  expect(converted).toBeGreaterThan(cases / 10);
});
