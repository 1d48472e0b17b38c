// Ordered funnels: the steps in order, each as early as it can be; other events may lie between. Taking the earliest
// is best: whatever a later choice could still reach, the earlier one can.
import { stepsInTurn, type Walk } from "./attempt.ts";

export const ordered: Walk = {
  possible: stepsInTurn,
  startsDiffer: true,
  ways: () => 1,
  follow(events, ties, { group: first, mask, endMs }, _way, attempt) {
    const steps = attempt.groups.length;
    attempt.reached = 0;
    attempt.reach(first, 1);
    attempt.reach(first, ties.prefix(first, 1, mask));
    let group = first;
    while (attempt.reached < steps) {
      group = events.next(attempt.reached, group);
      if (group === -1 || (events.timesMs[group] as number) > endMs) return;
      attempt.reach(group, ties.prefix(group, attempt.reached, 0));
    }
  },
};
