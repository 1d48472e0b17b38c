// The attempts of one person, in order of time: which one reached furthest (the earliest of those), and which
// intervals of a trend it entered and converted in.
import { Attempt, type AttemptStart, type Walk } from "./attempt.ts";
import { isDiscarded } from "./exclusions.ts";
import type { FunnelRules } from "./funnel-rows.ts";
import { ordered } from "./ordered.ts";
import type { PersonEvents } from "./person-events.ts";
import { strict } from "./strict.ts";
import { Ties } from "./ties.ts";
import type { TrendMarks } from "./trend-marks.ts";
import { unordered } from "./unordered.ts";

const walks: Readonly<Record<FunnelRules["order"], Walk>> = { ordered, strict, unordered };

export class BestAttempt {
  /** `reached` is 0 when no attempt survived. */
  readonly attempt: Attempt;
  /** On its first event; of several at one instant the smallest. */
  value = 0;
  readonly #events: PersonEvents;
  readonly #rules: FunnelRules;
  readonly #walk: Walk;
  readonly #ties: Ties;
  readonly #marks: TrendMarks | undefined;
  readonly #current: Attempt;
  /** Bits of a first event. */
  readonly #startMask: number;

  constructor(events: PersonEvents, rules: FunnelRules, marks: TrendMarks | undefined) {
    this.#events = events;
    this.#rules = rules;
    this.#walk = walks[rules.order];
    this.#ties = new Ties(events, rules.steps);
    this.#marks = marks;
    this.#current = new Attempt(rules.steps);
    this.attempt = new Attempt(rules.steps);
    this.#startMask = rules.order === "unordered" ? events.stepsMask : 1;
  }

  /** Looks at the person whose events are loaded. */
  find(): void {
    const events = this.#events;
    const { fromMs, endMs, steps } = this.#rules;
    this.attempt.reached = 0;
    if ((events.union & this.#startMask) === 0) return;
    this.#ties.reset();
    this.#marks?.begin();
    const possible = this.#walk.possible(events, steps);
    for (let group = this.#nextStart(-1); group !== -1; group = this.#nextStart(group)) {
      const timeMs = events.timesMs[group] as number;
      if (timeMs < fromMs) continue;
      if (timeMs >= endMs) break;
      // Nothing can be better than the best; a trend wants to know of every interval.
      if (this.#marks === undefined && this.attempt.reached === possible) break;
      this.#tryGroup(group);
    }
  }

  #nextStart(after: number): number {
    if (this.#rules.order !== "unordered") return this.#events.next(0, after);
    for (let group = after + 1; group < this.#events.groups; group += 1) {
      if (((this.#events.masks[group] as number) & this.#startMask) !== 0) return group;
    }
    return -1;
  }

  /** Every event of the group that can be a first one, alike ones once. */
  #tryGroup(group: number): void {
    const { starts, rows } = this.#events;
    const begin = starts[group] as number;
    const end = starts[group + 1] as number;
    if (end - begin === 1) {
      this.#try(group, rows?.masks[begin] as number, rows?.values?.[begin] ?? 0);
      return;
    }
    const valueOf = new Map<number, number>();
    for (let row = begin; row < end; row += 1) {
      const mask = (rows?.masks[row] as number) & this.#events.stepsMask;
      if ((mask & this.#startMask) === 0) continue;
      const key = this.#walk.startsDiffer ? mask : this.#startMask;
      const value = rows?.values?.[row] ?? 0;
      const known = valueOf.get(key);
      if (known === undefined || value < known) valueOf.set(key, value);
    }
    for (const [mask, value] of valueOf) this.#try(group, mask, value);
  }

  #try(group: number, mask: number, value: number): void {
    const events = this.#events;
    const startMs = events.timesMs[group] as number;
    const start: AttemptStart = { group, mask, endMs: startMs + this.#rules.windowMs };
    for (let way = this.#walk.ways(events, this.#ties, group, mask) - 1; way >= 0; way -= 1) {
      this.#walk.follow(events, this.#ties, start, way, this.#current);
      if (isDiscarded(events, this.#rules, this.#current, start.endMs)) continue;
      this.#marks?.mark(startMs, this.#current.reached);
      if (!this.#isBetter(value)) continue;
      this.attempt.copy(this.#current);
      this.value = value;
    }
  }

  /** Further; or as far and earlier, step by step; or, at the same instants, with a smaller value. */
  #isBetter(value: number): boolean {
    const { reached } = this.#current;
    if (reached !== this.attempt.reached) return reached > this.attempt.reached;
    const order = this.#current.compare(this.attempt);
    return order < 0 || (order === 0 && value < this.value);
  }
}
