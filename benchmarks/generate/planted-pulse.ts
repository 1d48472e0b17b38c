// The planted habit by day, and the planted segment: known counts, sums and distinct people in any combination.
// User p does `pulse` on p % 5 + 1 days; every user of the run has a `tier`, by its number's last two digits.
import { cohortPlace, type KnownAnswer, type Planted } from "./known-answers.ts";
import { dayMs, plantedName, type GeneratePlan } from "./plan.ts";
import type { EventTarget } from "./event-target.ts";
import { countPlanted, plantedSql, type PlantedStep } from "./planted-sql.ts";

const kinds = 5;
/** Days on which the first event of a user can be; five more must fit. */
const startDays = 20;

export const tiers = [
  { name: "enterprise", below: 5 },
  { name: "pro", below: 30 },
  { name: "free", below: 100 },
] as const;

/** SQL over `user`, the index of a user in the run. */
export const tierSql = `multiIf(user % 100 < 5, 'enterprise', user % 100 < 30, 'pro', 'free')`;

export function tierOf(user: number): string {
  return (tiers.find(({ below }) => user % 100 < below) ?? tiers[2]).name;
}

export function plantPulse(plan: GeneratePlan, into: EventTarget): Planted {
  const users = Math.max(100, Math.floor(plan.users / 5 / 100) * 100);
  const event = plantedName(plan, "pulse");
  const classes = Array.from({ length: kinds }, (_, kind): PlantedStep[] =>
    Array.from({ length: kind + 1 }, (__, day) => ({ event, offsetMs: day * dayMs })),
  );
  const statement = plantedSql(plan, {
    into,
    part: "pulse",
    firstUser: 0,
    users,
    classes,
    startSql: `${plan.fromMs} + (k % ${startDays}) * ${dayMs} + k * 7919 % ${dayMs}`,
    propertiesSql: `concat('{"amount":', toString(place * 10), '}')`,
  });
  return {
    events: countPlanted(users, classes),
    statements: [statement],
    answers: buildAnswers(plan, users, event),
  };
}

function buildAnswers(plan: GeneratePlan, users: number, event: string): KnownAnswer[] {
  const range = {
    from: new Date(plan.fromMs).toISOString(),
    to: new Date(plan.endMs - 1).toISOString(),
  };
  const perKind = users / kinds;
  const events = perKind * ((kinds * (kinds + 1)) / 2);
  // A user of kind d has amounts 10, 20, … 10 (d + 1).
  const amount = Array.from({ length: kinds }, (_, kind) => 5 * (kind + 1) * (kind + 2)).reduce(
    (sum, each) => sum + each * perKind,
    0,
  );
  const inTier = (tier: string): number =>
    Array.from({ length: users }, (_, user) => tierOf(user)).filter((each) => each === tier).length;
  const trends = (name: string, series: object, total: number): KnownAnswer => ({
    name,
    path: "/v1/query/trends",
    body: { ...range, interval: "day", series: [series] },
    expected: { series: [{ total }] },
  });
  return [
    trends("events", { event }, events),
    trends("distinct people", { event, math: "unique_users" }, users),
    trends("events a person", { event, math: "per_user" }, events / users),
    { ...trends("sum of a property", { event, math: "sum", property: "amount" }, amount), needsRows: true },
    ...tiers.map(({ name }) =>
      trends(
        `people of the segment ${name}`,
        {
          event,
          math: "unique_users",
          filters: [{ property: plantedName(plan, "tier"), on: "user", operator: "eq", value: name }],
        },
        inTier(name),
      ),
    ),
    {
      name: "stickiness by day",
      path: "/v1/query/stickiness",
      body: { ...range, event, interval: "day" },
      expected: { series: [{ total: users, counts: stickiness(plan, perKind) }] },
    },
    {
      name: "lifecycle by day",
      path: "/v1/query/lifecycle",
      body: { ...range, event, interval: "day" },
      expected: lifecycle(plan, users),
    },
    ...cohortAnswers(plan, users, event, range),
  ];
}

function daysOf(plan: GeneratePlan): number {
  return (plan.endMs - plan.fromMs) / dayMs;
}

function stickiness(plan: GeneratePlan, perKind: number): object[] {
  return Array.from({ length: daysOf(plan) }, (_, index) => ({
    intervals: index + 1,
    users: index < kinds ? perKind : 0,
    users_at_least: Math.max(0, kinds - index) * perKind,
  }));
}

/** A user begins on day p % 20 and is there on p % 5 + 1 days in a row: nobody ever comes back. */
function lifecycle(plan: GeneratePlan, users: number): object {
  const perStart = users / startDays;
  const days = Array.from({ length: daysOf(plan) }, (_, day) => day);
  const starts = Array.from({ length: startDays }, (_, start) => ({
    start,
    end: start + (start % kinds) + 1,
  }));
  const count = (is: (each: { start: number; end: number }) => boolean): number =>
    starts.filter(is).length * perStart;
  return {
    new: days.map((day) => count(({ start }) => start === day)),
    returning: days.map((day) => count(({ start, end }) => start < day && day < end)),
    resurrecting: days.map(() => 0),
    dormant: days.map((day) => 0 - count(({ end }) => end === day)),
  };
}

/** People of one segment who did it on three days or more: a rule over events and over what people are. */
function cohortAnswers(plan: GeneratePlan, users: number, event: string, range: object): KnownAnswer[] {
  const segment = "pro";
  const members = Array.from({ length: users }, (_, user) => user).filter(
    (user) => tierOf(user) === segment && user % kinds >= 2,
  );
  return [
    {
      name: "events of a cohort",
      cohort: {
        definition: {
          and: [
            { did: { event, at_least: 3, ...range } },
            { property: plantedName(plan, "tier"), on: "user", operator: "eq", value: segment },
          ],
        },
        size: members.length,
      },
      path: "/v1/query/trends",
      body: { ...range, interval: "day", filters: [{ cohort: cohortPlace }], series: [{ event }] },
      expected: { series: [{ total: members.reduce((sum, user) => sum + (user % kinds) + 1, 0) }] },
    },
  ];
}
