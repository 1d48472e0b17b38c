// Events of one instant and the steps that they satisfy: each at most one, in whatever order helps. Where an event
// matches several steps this is a matching of steps to events, found by augmenting paths (Kuhn, 1955).
import type { PersonEvents } from "./person-events.ts";

/** Events of an instant that match the same steps are alike: how many of each. */
export interface AlikeEvents {
  readonly masks: number[];
  readonly counts: number[];
}

export class Ties {
  readonly #events: PersonEvents;
  readonly #steps: number;
  /** Of the person at hand; an instant may be visited by many attempts. */
  readonly #alike = new Map<number, AlikeEvents>();
  /** Which of the alike events each step is given, in `#search`. */
  readonly #given: Int32Array;

  constructor(events: PersonEvents, steps: number) {
    this.#events = events;
    this.#steps = steps;
    this.#given = new Int32Array(steps);
  }

  /** To be called when the person changes. */
  reset(): void {
    if (this.#alike.size > 0) this.#alike.clear();
  }

  /**
   * How many of the steps `step`, `step + 1`, … distinct events of the group satisfy together. `without`: mask of
   * an event of the group that is taken already; 0: none is. That event matches a step before `step`.
   */
  prefix(group: number, step: number, without: number): number {
    const steps = this.#steps;
    if (this.#events.mixed[group] === 1) return this.#search(group, step, without);
    // The event that is taken was alone, or it matches nothing but an earlier step.
    if (without !== 0 && this.#events.size(group) === 1) return 0;
    const mask = this.#events.masks[group] as number;
    let reached = step;
    if (this.#events.size(group) === 1) return step < steps && (mask & (1 << step)) !== 0 ? 1 : 0;
    while (reached < steps && (mask & (1 << reached)) !== 0) reached += 1;
    return reached - step;
  }

  /** The group's events that match a step. */
  alike(group: number): AlikeEvents {
    const known = this.#alike.get(group);
    if (known !== undefined) return known;
    const { starts, rows, stepsMask } = this.#events;
    const counts = new Map<number, number>();
    for (let row = starts[group] as number; row < (starts[group + 1] as number); row += 1) {
      const mask = (rows?.masks[row] as number) & stepsMask;
      if (mask !== 0) counts.set(mask, (counts.get(mask) ?? 0) + 1);
    }
    const alike = { masks: [...counts.keys()], counts: [...counts.values()] };
    this.#alike.set(group, alike);
    return alike;
  }

  #search(group: number, step: number, without: number): number {
    const { masks, counts } = this.alike(group);
    const left = [...counts];
    const taken = masks.indexOf(without & this.#events.stepsMask);
    if (without !== 0 && taken !== -1) left[taken] = (left[taken] as number) - 1;
    const given = this.#given.fill(-1);
    const tried = new Set<number>();
    const give = (wanted: number): boolean => {
      for (let each = 0; each < masks.length; each += 1) {
        if (((masks[each] as number) & (1 << wanted)) === 0 || tried.has(each)) continue;
        tried.add(each);
        if ((left[each] as number) > 0) {
          left[each] = (left[each] as number) - 1;
          given[wanted] = each;
          return true;
        }
        // Another step that holds such an event may do with a different one.
        for (let other = step; other < this.#steps; other += 1) {
          if (given[other] === each && give(other)) {
            given[wanted] = each;
            return true;
          }
        }
      }
      return false;
    };
    let reached = step;
    while (reached < this.#steps) {
      tried.clear();
      if (!give(reached)) break;
      reached += 1;
    }
    return reached - step;
  }
}
