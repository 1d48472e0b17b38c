// One person's attempts over sorted lists of instants, one list for each step and each exclusion, all of different
// events: every pointer only moves forward, so a person costs no more than their events. What is decided is what the
// general kernel decides (`../kernel/`), which knows events that match several steps as well.
import type { FunnelRules } from "../kernel/funnel-rows.ts";
import type { TrendMarks } from "../kernel/trend-marks.ts";

/** Instants in order: the numbers of `times` from `from` up to, not with, `end`. */
export interface InstantList {
  times: Float64Array;
  from: number;
  end: number;
}

export class ListWalk {
  /** Steps that the best attempt reached; 0: there is none. */
  reached = 0;
  readonly #at: Float64Array;
  /** What it took to each from the one before. */
  readonly gapsMs: Float64Array;
  readonly #steps: number;
  readonly #rules: FunnelRules;
  readonly #lists: readonly InstantList[];
  readonly #exclusions: readonly InstantList[];
  readonly #all: InstantList;
  readonly #marks: TrendMarks | undefined;
  readonly #places: Int32Array;
  #placeInAll = 0;
  readonly #exclusionPlaces: Int32Array;
  readonly #current: Float64Array;

  /**
   * `lists`: of the steps; `exclusions`: of theirs; `all`: of all events of any name, for strict funnels. Their
   * contents change from person to person.
   */
  constructor(
    rules: FunnelRules,
    lists: readonly InstantList[],
    exclusions: readonly InstantList[],
    all: InstantList | undefined,
    marks: TrendMarks | undefined,
  ) {
    this.#rules = rules;
    this.#steps = rules.steps;
    this.#lists = lists;
    this.#exclusions = exclusions;
    this.#all = all ?? { times: new Float64Array(0), from: 0, end: 0 };
    this.#marks = marks;
    this.#places = new Int32Array(rules.steps);
    this.#exclusionPlaces = new Int32Array(exclusions.length);
    this.#current = new Float64Array(rules.steps);
    this.#at = new Float64Array(rules.steps);
    this.gapsMs = new Float64Array(rules.steps);
  }

  /** Looks at the person whose instants are in the lists. */
  walk(): void {
    this.reached = 0;
    for (let step = 0; step < this.#steps; step += 1)
      this.#places[step] = (this.#lists[step] as InstantList).from;
    for (let index = 0; index < this.#exclusions.length; index += 1) {
      this.#exclusionPlaces[index] = (this.#exclusions[index] as InstantList).from;
    }
    this.#marks?.begin();
    this.#placeInAll = this.#all.from;
    if (this.#rules.order === "ordered") this.#walkOrdered();
    else if (this.#rules.order === "strict") this.#walkStrict();
    else this.#walkUnordered();
    for (let step = 1; step < this.reached; step += 1) {
      this.gapsMs[step] = (this.#at[step] as number) - (this.#at[step - 1] as number);
    }
  }

  #walkOrdered(): void {
    const { fromMs, endMs, windowMs } = this.#rules;
    const lists = this.#lists;
    const steps = this.#steps;
    const current = this.#current;
    const places = this.#places;
    const { times: starts, from, end } = lists[0] as InstantList;
    const possible = this.#possibleInTurn();
    let before = -Infinity;
    for (let at = from; at < end; at += 1) {
      const startMs = starts[at] as number;
      if (startMs < fromMs || startMs === before) continue;
      if (startMs >= endMs) return;
      before = startMs;
      const lastMs = startMs + windowMs;
      current[0] = startMs;
      let reached = 1;
      let timeMs = startMs;
      for (; reached < steps; reached += 1) {
        const { times, end: last } = lists[reached] as InstantList;
        let place = places[reached] as number;
        while (place < last && (times[place] as number) < timeMs) place += 1;
        places[reached] = place;
        if (place === last || (times[place] as number) > lastMs) break;
        timeMs = times[place] as number;
        current[reached] = timeMs;
      }
      this.#consider(startMs, reached);
      if (this.#marks === undefined && this.reached === possible) return;
    }
  }

  /** Every step is the very next event; of several at one instant, one that works. */
  #walkStrict(): void {
    const { fromMs, endMs, windowMs } = this.#rules;
    const all = this.#all;
    const steps = this.#steps;
    const current = this.#current;
    const { times: starts, from, end } = this.#lists[0] as InstantList;
    const possible = this.#possibleInTurn();
    let before = -Infinity;
    for (let at = from; at < end; at += 1) {
      const startMs = starts[at] as number;
      if (startMs < fromMs || startMs === before) continue;
      if (startMs >= endMs) return;
      before = startMs;
      const lastMs = startMs + windowMs;
      this.#placeInAll = placeOf(all, this.#placeInAll, startMs);
      const following = endOf(all, this.#placeInAll, startMs);
      // None of the other steps at the first instant, one, two, …: more is not always better, the next one decides.
      for (let ways = this.#stepsAt(1, startMs); ways >= 0; ways -= 1) {
        let reached = 1 + ways;
        current.fill(startMs, 0, reached);
        let place = following;
        while (reached < steps && place < all.end) {
          const timeMs = all.times[place] as number;
          if (timeMs > lastMs) break;
          const next = endOf(all, place, timeMs);
          const count = this.#stepsAt(reached, timeMs);
          current.fill(timeMs, reached, reached + count);
          reached += count;
          if (count < next - place) break;
          place = next;
        }
        this.#consider(startMs, reached);
      }
      if (this.#marks === undefined && this.reached === possible) return;
    }
  }

  /** How many steps from `step` on happened at the instant. */
  #stepsAt(step: number, timeMs: number): number {
    let next = step;
    for (; next < this.#steps; next += 1) {
      const list = this.#lists[next] as InstantList;
      const place = placeOf(list, this.#places[next] as number, timeMs);
      this.#places[next] = place;
      if (place === list.end || list.times[place] !== timeMs) break;
    }
    return next - step;
  }

  #possibleInTurn(): number {
    let possible = 1;
    while (possible < this.#steps && isFilled(this.#lists[possible] as InstantList)) possible += 1;
    return possible;
  }

  #walkUnordered(): void {
    const { fromMs, endMs, windowMs } = this.#rules;
    const lists = this.#lists;
    const steps = this.#steps;
    const current = this.#current;
    const places = this.#places;
    let possible = 0;
    for (const list of lists) if (isFilled(list)) possible += 1;
    for (;;) {
      let startMs = Infinity;
      for (let step = 0; step < steps; step += 1) {
        const { times, end } = lists[step] as InstantList;
        const place = places[step] as number;
        if (place < end && (times[place] as number) < startMs) startMs = times[place] as number;
      }
      if (startMs >= endMs) return;
      if (startMs >= fromMs) {
        const lastMs = startMs + windowMs;
        let reached = 0;
        for (let step = 0; step < steps; step += 1) {
          const { times, end } = lists[step] as InstantList;
          const place = places[step] as number;
          if (place === end || (times[place] as number) > lastMs) continue;
          // Into its place among those that are reached earlier.
          const timeMs = times[place] as number;
          let to = reached;
          for (; to > 0 && (current[to - 1] as number) > timeMs; to -= 1)
            current[to] = current[to - 1] as number;
          current[to] = timeMs;
          reached += 1;
        }
        this.#consider(startMs, reached);
        if (this.#marks === undefined && this.reached === possible) return;
      }
      for (let step = 0; step < steps; step += 1) {
        const { times, end } = lists[step] as InstantList;
        let place = places[step] as number;
        while (place < end && (times[place] as number) <= startMs) place += 1;
        places[step] = place;
      }
    }
  }

  /** Attempts come in order of their starts: only one that reaches further is better. */
  #consider(startMs: number, reached: number): void {
    if (this.#exclusions.length > 0 && this.#isDiscarded(startMs, reached)) return;
    this.#marks?.mark(startMs, reached);
    if (reached <= this.reached) return;
    this.reached = reached;
    for (let step = 0; step < reached; step += 1) this.#at[step] = this.#current[step] as number;
  }

  #isDiscarded(startMs: number, reached: number): boolean {
    const { exclusions, windowMs } = this.#rules;
    for (let index = 0; index < exclusions.length; index += 1) {
      const { fromStep, toStep } = exclusions[index] as { fromStep: number; toStep: number };
      if (reached <= fromStep) continue;
      const list = this.#exclusions[index] as InstantList;
      const { times, end } = list;
      const afterMs = this.#current[fromStep] as number;
      // An attempt that begins later reaches no step earlier, unless it is strict.
      const place = placeOf(list, this.#exclusionPlaces[index] as number, afterMs + 1);
      this.#exclusionPlaces[index] = place;
      if (place === end) continue;
      const timeMs = times[place] as number;
      if (reached > toStep ? timeMs < (this.#current[toStep] as number) : timeMs <= startMs + windowMs)
        return true;
    }
    return false;
  }
}

/** The first place with this instant or a later one; found from one that is near. Instants are whole numbers. */
function placeOf({ times, from, end }: InstantList, near: number, timeMs: number): number {
  let place = near;
  while (place < end && (times[place] as number) < timeMs) place += 1;
  while (place > from && (times[place - 1] as number) >= timeMs) place -= 1;
  return place;
}

/** The place behind all that share the instant. */
function endOf({ times, end }: InstantList, place: number, timeMs: number): number {
  let next = place;
  while (next < end && times[next] === timeMs) next += 1;
  return next;
}

function isFilled({ from, end }: InstantList): boolean {
  return end > from;
}
