// Strict funnels: every step is the person's very next event, of any name. Events at one instant have no order of
// their own: one that works is taken. At the first instant that decides how many of the others come after the first
// event; at every later one all must be steps, or the attempt ends there.
import { stepsInTurn, type Walk } from "./attempt.ts";

export const strict: Walk = {
  possible: stepsInTurn,
  startsDiffer: true,
  /** None of the others after it, one, two, …: more is not always better, the next instant decides. */
  ways: (events, ties, group, mask) => (events.size(group) === 1 ? 1 : ties.prefix(group, 1, mask) + 1),
  follow(events, ties, { group: first, endMs }, way, attempt) {
    const steps = attempt.groups.length;
    attempt.reached = 0;
    attempt.reach(first, 1 + way);
    for (let group = first + 1; attempt.reached < steps && group < events.groups; group += 1) {
      if ((events.timesMs[group] as number) > endMs) return;
      const count = ties.prefix(group, attempt.reached, 0);
      attempt.reach(group, count);
      if (count < events.size(group)) return;
    }
  },
};
