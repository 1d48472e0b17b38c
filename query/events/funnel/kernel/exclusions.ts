// Excluded events: one strictly after a step was reached and strictly before another is, or up to the window's end
// when that one is not reached, discards the attempt whole.
import type { Attempt } from "./attempt.ts";
import type { FunnelRules } from "./funnel-rows.ts";
import type { PersonEvents } from "./person-events.ts";

export function isDiscarded(
  events: PersonEvents,
  rules: FunnelRules,
  attempt: Attempt,
  endMs: number,
): boolean {
  for (let index = 0; index < rules.exclusions.length; index += 1) {
    const { fromStep, toStep } = rules.exclusions[index] as { fromStep: number; toStep: number };
    if (attempt.reached <= fromStep) continue;
    const group = events.next(rules.steps + index, attempt.groups[fromStep] as number);
    if (group === -1) continue;
    if (attempt.reached > toStep) {
      if (group < (attempt.groups[toStep] as number)) return true;
    } else if ((events.timesMs[group] as number) <= endMs) return true;
  }
  return false;
}
