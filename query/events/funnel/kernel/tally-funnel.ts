// One task of the pool: rows of some people to what became of each.
import { BestAttempt } from "./best-attempt.ts";
import type { FunnelOutcome, FunnelRows, FunnelRules } from "./funnel-rows.ts";
import { GrowingFloats } from "./growing.ts";
import { orderRows } from "./order-rows.ts";
import { PersonEvents } from "./person-events.ts";
import { TrendMarks } from "./trend-marks.ts";

export function tallyFunnel(task: { readonly rules: FunnelRules; readonly rows: FunnelRows }): FunnelOutcome {
  const { rules } = task;
  const rows = orderRows(task.rows);
  const events = new PersonEvents(rules.steps, rules.exclusions.length);
  const marks = rules.trend === undefined ? undefined : new TrendMarks(rules, rules.trend);
  const best = new BestAttempt(events, rules, marks);
  const reached: number[] = [];
  const gapsMs = new GrowingFloats();
  const values = rows.values === undefined ? undefined : new GrowingFloats();
  const listed: number[] | undefined = rules.list === undefined ? undefined : [];
  const { persons } = rows;
  for (let begin = 0, end = 0; begin < persons.length; begin = end) {
    const person = persons[begin] as number;
    for (end = begin + 1; end < persons.length && persons[end] === person;) end += 1;
    events.load(rows, begin, end);
    best.find();
    const { attempt } = best;
    if (attempt.reached === 0) continue;
    reached.push(attempt.reached);
    values?.push(best.value);
    for (let step = 1; step < attempt.reached; step += 1) {
      gapsMs.push(timeOf(events, attempt.groups[step]) - timeOf(events, attempt.groups[step - 1]));
    }
    if (rules.list !== undefined && isListed(rules.list, attempt.reached)) listed?.push(person);
  }
  return {
    reached: Uint8Array.from(reached),
    values: values?.take(),
    gapsMs: gapsMs.take(),
    trend: marks === undefined ? undefined : { entered: marks.entered, converted: marks.converted },
    listed: listed === undefined ? undefined : Uint32Array.from(listed),
  };
}

function timeOf(events: PersonEvents, group: number | undefined): number {
  return events.timesMs[group as number] as number;
}

/** Step numbers count from 0, so a step was reached when more steps than its number were. */
function isListed(list: NonNullable<FunnelRules["list"]>, reached: number): boolean {
  return list.dropped ? reached === list.step : reached > list.step;
}
