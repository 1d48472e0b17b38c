// The planted retention: people who begin in one week and come back in later ones, a known share of each week's.
import type { KnownAnswer, Planted } from "./known-answers.ts";
import { dayMs, plantedName, type GeneratePlan } from "./plan.ts";
import type { EventTarget } from "./event-target.ts";
import { countPlanted, plantedSql, type PlantedStep } from "./planted-sql.ts";

const weekMs = 7 * dayMs;
const weeksMax = 12;
/** Of 20 people, how many come back after so many weeks. */
const returning = [20, 13, 9, 7, 6, 5, 4, 3, 3, 2, 2, 1] as const;
const kinds = returning[0];

export interface RetentionWeek {
  readonly startMs: number;
  readonly firstUser: number;
  readonly users: number;
  /** People of the row by weeks since: the first is the row's size. */
  readonly returned: readonly number[];
}

/** Whole weeks of the range, from Monday on, with users of their own. */
export function retentionWeeks(plan: GeneratePlan): RetentionWeek[] {
  const monday = Math.ceil((plan.fromMs - 4 * dayMs) / weekMs) * weekMs + 4 * dayMs;
  const count = Math.min(weeksMax, Math.floor((plan.endMs - monday) / weekMs));
  const unit = Math.max(1, Math.floor(plan.users / 1200));
  const weeks: RetentionWeek[] = [];
  let firstUser = 0;
  for (let week = 0; week < count; week += 1) {
    const users = kinds * unit * (1 + (week % 3));
    weeks.push({
      startMs: monday + week * weekMs,
      firstUser,
      users,
      returned: Array.from(
        { length: count - week },
        (_, later) => (users / kinds) * (returning[later] as number),
      ),
    });
    firstUser += users;
  }
  return weeks;
}

export function plantRetention(plan: GeneratePlan, into: EventTarget): Planted {
  const weeks = retentionWeeks(plan);
  const target = plantedName(plan, "habit_started");
  const again = plantedName(plan, "habit_done");
  let events = 0;
  const statements = weeks.map((week, index) => {
    const classes = Array.from({ length: kinds }, (_, person): PlantedStep[] => [
      { event: target, offsetMs: 0 },
      ...returning.flatMap((share, later) =>
        later > 0 && later < weeks.length - index && person < share
          ? [{ event: again, offsetMs: later * weekMs }]
          : [],
      ),
    ]);
    events += countPlanted(week.users, classes);
    return plantedSql(plan, {
      into,
      part: `retention ${index}`,
      firstUser: week.firstUser,
      users: week.users,
      classes,
      // Spread over the week, its first and last instants included.
      startSql: `${week.startMs} + intDiv(k * ${weekMs - 1}, ${week.users - 1})`,
      propertiesSql: "'{}'",
    });
  });
  const people = weeks.reduce((sum, week) => sum + week.users, 0);
  return {
    events,
    statements,
    answers: [
      ...buildAnswers(weeks, { target, again }),
      {
        name: "distinct people of a range of weeks",
        path: "/v1/query/trends",
        body: {
          from: new Date(plan.fromMs).toISOString(),
          to: new Date(plan.endMs - 1).toISOString(),
          interval: "week",
          series: [{ event: target, math: "unique_users" }],
        },
        expected: { series: [{ total: people }] },
      },
    ],
  };
}

function buildAnswers(
  weeks: readonly RetentionWeek[],
  names: { target: string; again: string },
): KnownAnswer[] {
  const first = weeks[0];
  if (first === undefined) return [];
  const body = {
    from: new Date(first.startMs).toISOString(),
    target: { event: names.target },
    returning: { event: names.again },
    period: "week",
    periods: weeks.length,
    week_start: "monday",
  };
  const rows = weeks.map(({ startMs, users, returned }) => ({
    start: new Date(startMs).toISOString(),
    size: users,
    returned,
  }));
  // Who comes back after k weeks also came back in all weeks before: rolling is the same.
  return (["recurring", "first_time"] as const).flatMap((type) =>
    [false, true].map((cumulative): KnownAnswer => ({
      name: `retention by week, ${type}${cumulative ? ", cumulative" : ""}`,
      path: "/v1/query/retention",
      body: { ...body, type, cumulative },
      expected: { cohorts: rows },
    })),
  );
}
