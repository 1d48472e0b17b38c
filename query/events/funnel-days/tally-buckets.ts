// One task of the pool: rows of some people to their best attempt in each bucket. The same kernel as a funnel over
// one range, asked once for each bucket in which a person can have begun.
import { BestAttempt } from "../funnel/kernel/best-attempt.ts";
import type { FunnelRows, FunnelRules } from "../funnel/kernel/funnel-rows.ts";
import { orderRows } from "../funnel/kernel/order-rows.ts";
import { PersonEvents } from "../funnel/kernel/person-events.ts";
import { sharedNumbers, type Attempts } from "./attempts.ts";
import { GrowingNumbers } from "./growing-numbers.ts";

export interface TallyBucketsTask {
  /** Their range is that of the buckets. */
  readonly rules: Omit<FunnelRules, "trend" | "list">;
  readonly rows: FunnelRows;
  /** Starts of the buckets, ascending. */
  readonly startsMs: readonly number[];
}

export function tallyBuckets(task: TallyBucketsTask): Attempts {
  const { startsMs } = task;
  const { steps, endMs } = task.rules;
  const rows = orderRows(task.rows);
  const events = new PersonEvents(steps, task.rules.exclusions.length);
  const rules: { -readonly [Field in keyof TallyBucketsTask["rules"]]: TallyBucketsTask["rules"][Field] } = {
    ...task.rules,
  };
  const best = new BestAttempt(events, rules, undefined);
  const startMask = rules.order === "unordered" ? events.stepsMask : 1;
  const persons = startsMs.map(() => Array.from({ length: steps }, () => new GrowingNumbers()));
  const gaps = startsMs.map(() => Array.from({ length: steps }, () => new GrowingNumbers()));
  for (let begin = 0, end = 0; begin < rows.persons.length; begin = end) {
    const person = rows.persons[begin] as number;
    for (end = begin + 1; end < rows.persons.length && rows.persons[end] === person;) end += 1;
    events.load(rows, begin, end);
    let bucket = 0;
    for (let group = 0; group < events.groups; group += 1) {
      if (((events.masks[group] as number) & startMask) === 0) continue;
      const timeMs = events.timesMs[group] as number;
      if (timeMs < (startsMs[bucket] as number)) continue;
      if (timeMs >= endMs) break;
      while ((startsMs[bucket + 1] ?? endMs) <= timeMs) bucket += 1;
      rules.fromMs = startsMs[bucket] as number;
      rules.endMs = startsMs[bucket + 1] ?? endMs;
      best.find();
      const { attempt } = best;
      if (attempt.reached > 0) {
        persons[bucket]?.[attempt.reached - 1]?.push(person);
        const own = gaps[bucket]?.[attempt.reached - 1] as GrowingNumbers;
        for (let step = 1; step < attempt.reached; step += 1) {
          const [from, to] = [attempt.groups[step - 1] as number, attempt.groups[step] as number];
          own.push((events.timesMs[to] as number) - (events.timesMs[from] as number));
        }
      }
      // The next bucket begins with the first event behind this one.
      while (group + 1 < events.groups && (events.timesMs[group + 1] as number) < rules.endMs) group += 1;
      bucket += 1;
      if (bucket === startsMs.length) break;
    }
  }
  return {
    steps,
    sizes: Uint32Array.from(persons.flat(), (list) => list.length),
    persons: joinNumbers(persons.flat()),
    gapsMs: joinNumbers(gaps.flat()),
  };
}

function joinNumbers(lists: readonly GrowingNumbers[]): Uint32Array {
  const all = sharedNumbers(lists.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const { values } of lists) {
    all.set(values, at);
    at += values.length;
  }
  return all;
}
