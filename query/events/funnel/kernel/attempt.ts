// One attempt of a person: from its first event through the steps as far as they come.
import type { PersonEvents } from "./person-events.ts";
import type { Ties } from "./ties.ts";

export class Attempt {
  /** Steps reached; 0: no attempt. */
  reached = 0;
  /** Group (instant) in which each step was reached. */
  readonly groups: Uint32Array;

  constructor(steps: number) {
    this.groups = new Uint32Array(steps);
  }

  /** `count` more steps, all in one group. */
  reach(group: number, count: number): void {
    for (let each = 0; each < count; each += 1) this.groups[this.reached + each] = group;
    this.reached += count;
  }

  copy(other: Attempt): void {
    this.reached = other.reached;
    this.groups.set(other.groups);
  }

  /** Negative when this one reached its steps earlier, step by step. Both reached as many. */
  compare(other: Attempt): number {
    for (let step = 0; step < this.reached; step += 1) {
      const difference = (this.groups[step] as number) - (other.groups[step] as number);
      if (difference !== 0) return difference;
    }
    return 0;
  }
}

/** Where an attempt begins. */
export interface AttemptStart {
  readonly group: number;
  /** Mask of its first event. */
  readonly mask: number;
  /** Last instant of its window. */
  readonly endMs: number;
}

/** How a funnel of one order follows an attempt. */
export interface Walk {
  /** The furthest that an attempt of this person could come: steps of which there is an event at all. */
  possible(events: PersonEvents, steps: number): number;
  /** First events at one instant with different masks make different attempts. */
  readonly startsDiffer: boolean;
  /** Ways in which events of the first instant may be put before and after the first event; 1 or more. */
  ways(events: PersonEvents, ties: Ties, group: number, mask: number): number;
  follow(events: PersonEvents, ties: Ties, start: AttemptStart, way: number, attempt: Attempt): void;
}

/** Steps from the first on of which there is an event. */
export function stepsInTurn(events: PersonEvents, steps: number): number {
  let step = 0;
  while (step < steps && (events.union & (1 << step)) !== 0) step += 1;
  return step;
}
