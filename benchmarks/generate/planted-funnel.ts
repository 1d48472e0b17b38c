// The planted funnel: twenty kinds of users, equally many of each, who do everything that a funnel's definition has
// an opinion on: the last instant of the window, the one after it, steps in the wrong order, a second attempt that
// succeeds, an exclusion in between.
import type { KnownAnswer, Planted } from "./known-answers.ts";
import { dayMs, plantedName, type GeneratePlan } from "./plan.ts";
import type { EventTarget } from "./event-target.ts";
import { countPlanted, plantedSql, type PlantedStep } from "./planted-sql.ts";

const windowSeconds = 7 * 86_400;
/** Room after the last start for the second attempt and its window. */
const restDays = 18;

interface FunnelClass {
  /** Steps 0, 1, 2 and the exclusion "x", with seconds from the start. */
  readonly does: readonly (readonly [step: 0 | 1 | 2 | "x", seconds: number])[];
  /** Steps reached: in order, in order with the exclusion, in any order. */
  readonly ordered: number;
  readonly excluded: number;
  readonly unordered: number;
  /** Seconds from each step to the next of the attempt that reached furthest, in order. */
  readonly seconds: readonly number[];
}

const complete = (unit: number): FunnelClass => ({
  does: [
    [0, 0],
    [1, unit],
    [2, 3 * unit],
  ],
  ordered: 3,
  excluded: 3,
  unordered: 3,
  seconds: [unit, 2 * unit],
});
const half = (unit: number): FunnelClass => ({
  does: [
    [0, 0],
    [1, unit],
  ],
  ordered: 2,
  excluded: 2,
  unordered: 2,
  seconds: [unit],
});

export const funnelClasses: readonly FunnelClass[] = [
  ...[600, 1200, 1800, 2400, 3000, 3600, 4200, 4800, 5400, 6000].map(complete),
  ...[300, 900, 1500, 2100].map(half),
  // At the end of the window: counts. A millisecond later: does not.
  half(windowSeconds),
  {
    does: [
      [0, 0],
      [1, windowSeconds + 0.001],
    ],
    ordered: 1,
    excluded: 1,
    unordered: 1,
    seconds: [],
  },
  // The last step before the second.
  {
    does: [
      [0, 0],
      [2, 60],
      [1, 120],
    ],
    ordered: 2,
    excluded: 2,
    unordered: 3,
    seconds: [120],
  },
  // A second attempt, ten days later, gets further than the first.
  {
    does: [
      [0, 0],
      [0, 10 * 86_400],
      [1, 10 * 86_400 + 900],
    ],
    ordered: 2,
    excluded: 2,
    unordered: 2,
    seconds: [900],
  },
  { does: [[0, 0]], ordered: 1, excluded: 1, unordered: 1, seconds: [] },
  // The exclusion between the first and the second step discards the attempt whole.
  {
    does: [
      [0, 0],
      ["x", 60],
      [1, 300],
      [2, 600],
    ],
    ordered: 3,
    excluded: 0,
    unordered: 3,
    seconds: [300, 300],
  },
];

const channels = ["ads", "search", "mail", "direct"];

export function plantFunnel(plan: GeneratePlan, into: EventTarget): Planted {
  const perClass = Math.max(1, Math.floor(plan.users / 10 / funnelClasses.length));
  const users = perClass * funnelClasses.length;
  const steps = ["signup_started", "signup_completed", "first_order"].map((name) => plantedName(plan, name));
  const exclusion = plantedName(plan, "signup_cancelled");
  const classes = funnelClasses.map(({ does }) =>
    does.map(([step, seconds]): PlantedStep => ({
      event: step === "x" ? exclusion : (steps[step] as string),
      offsetMs: Math.round(seconds * 1000),
    })),
  );
  const firstStartMs = plan.fromMs + dayMs;
  const spanMs = plan.endMs - plan.fromMs - restDays * dayMs;
  const statement = plantedSql(plan, {
    into,
    part: "funnel",
    firstUser: 0,
    users,
    classes,
    startSql: `${firstStartMs} + intDiv(k * ${spanMs}, ${users})`,
    propertiesSql: `concat('{"channel":"', ['ads', 'search', 'mail', 'direct'][k % 4 + 1], '"}')`,
  });
  return {
    events: countPlanted(users, classes),
    statements: [statement],
    answers: buildAnswers(plan, { perClass, steps, exclusion }),
  };
}

type Mode = "ordered" | "excluded" | "unordered";

function buildAnswers(
  plan: GeneratePlan,
  planted: { perClass: number; steps: readonly string[]; exclusion: string },
): KnownAnswer[] {
  const path = "/v1/query/funnel";
  const body = {
    from: new Date(plan.fromMs).toISOString(),
    to: new Date(plan.endMs - 1).toISOString(),
    steps: planted.steps.map((event) => ({ event })),
    window_seconds: windowSeconds,
    order: "ordered",
  };
  const indexes = funnelClasses.map((_, index) => index);
  const counts = (mode: Mode, among: readonly number[]): { count: number }[] =>
    planted.steps.map((_, step) => ({
      count:
        planted.perClass * among.filter((index) => (funnelClasses[index] as FunnelClass)[mode] > step).length,
    }));
  const timed = counts("ordered", indexes).map((each, step) => ({ ...each, ...times(step) }));
  return [
    { name: "funnel in order", path, body, expected: { steps: timed } },
    {
      name: "funnel with an exclusion",
      path,
      body: { ...body, exclusions: [{ event: planted.exclusion, from_step: 0, to_step: 1 }] },
      expected: { steps: counts("excluded", indexes) },
    },
    {
      name: "funnel in any order",
      path,
      body: { ...body, order: "unordered" },
      expected: { steps: counts("unordered", indexes) },
    },
    ...channels.map((channel, at): KnownAnswer => ({
      name: `funnel of channel ${channel}`,
      needsRows: true,
      path,
      body: {
        ...body,
        // The property of the first step decides, as the class does.
        steps: body.steps.map((step, index) =>
          index === 0
            ? { ...step, filters: [{ property: "channel", operator: "eq", value: channel }] }
            : step,
        ),
      },
      expected: {
        steps: counts(
          "ordered",
          indexes.filter((index) => index % channels.length === at),
        ),
      },
    })),
  ];
}

/** Mean and median of the seconds from the step before; every class has equally many users. */
function times(step: number): object {
  if (step === 0) return { avg_seconds: null, median_seconds: null };
  const seconds = funnelClasses
    .filter(({ ordered }) => ordered > step)
    .map((each) => each.seconds[step - 1] as number)
    .sort((a, b) => a - b);
  const mean = { avg_seconds: seconds.reduce((sum, each) => sum + each, 0) / seconds.length };
  // Between two in the middle there are several conventions.
  return seconds.length % 2 === 0 ? mean : { ...mean, median_seconds: seconds[(seconds.length - 1) / 2] };
}
