// The planted habit by day, and the planted segment: known counts, sums and distinct people in any combination.
// User p does `pulse` on p % 5 + 1 days; every user of the run has a `tier`, by its number's last two digits.
import type { KnownAnswer, Planted } from "./known-answers.ts";
import { dayMs, plantedName, type GeneratePlan } from "./plan.ts";
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

export function plantPulse(plan: GeneratePlan, into: string): Planted {
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
    trends("sum of a property", { event, math: "sum", property: "amount" }, amount),
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
  ];
}
