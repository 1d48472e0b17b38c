// Unordered funnels: step k is reached when k distinct steps are satisfied by distinct events of the window. Where
// events match one step each, that is the first event of each step; else a matching that grows event by event.
import type { Walk } from "./attempt.ts";
import type { PersonEvents } from "./person-events.ts";
import type { Ties } from "./ties.ts";

export const unordered: Walk = {
  possible: countSteps,
  // Whichever event of the instant came first: the window is the same.
  startsDiffer: false,
  ways: () => 1,
  follow(events, ties, { group, endMs }, _way, attempt) {
    const steps = attempt.groups.length;
    const groups = candidates(events, steps, group, endMs);
    attempt.reached = 0;
    if (!events.overlapping) {
      for (const each of groups) attempt.reach(each, 1);
      return;
    }
    const owners = new Array<number>(steps).fill(0);
    for (const each of new Set(groups)) {
      for (const mask of eventsAt(events, ties, each, steps)) {
        if (attempt.reached < steps && assign(mask, owners, { steps: 0 })) attempt.reach(each, 1);
      }
    }
  },
};

function countSteps(events: PersonEvents, steps: number): number {
  let count = 0;
  for (let step = 0; step < steps; step += 1) if ((events.union & (1 << step)) !== 0) count += 1;
  return count;
}

/**
 * Groups of the window whose events can matter, in order: of each step the first one, or, where an event can be
 * needed for another step, as many as there are steps.
 */
function candidates(events: PersonEvents, steps: number, first: number, endMs: number): number[] {
  const groups: number[] = [];
  const each = events.overlapping ? steps : 1;
  for (let step = 0; step < steps; step += 1) {
    const position = events.position(step, first - 1);
    for (let count = 0; count < each; count += 1) {
      const group = events.at(step, position + count);
      if (group === -1 || (events.timesMs[group] as number) > endMs) break;
      groups.push(group);
    }
  }
  return groups.sort((left, right) => left - right);
}

/** Masks of the group's events that can matter. */
function* eventsAt(events: PersonEvents, ties: Ties, group: number, steps: number): Iterable<number> {
  if (events.size(group) === 1) {
    yield (events.masks[group] as number) & events.stepsMask;
    return;
  }
  const { masks, counts } = ties.alike(group);
  for (let each = 0; each < masks.length; each += 1) {
    for (let count = Math.min(steps, counts[each] as number); count > 0; count -= 1)
      yield masks[each] as number;
  }
}

/** Gives the event one of its steps; whoever holds it may move to another. `owners`: mask of each step's event. */
function assign(mask: number, owners: number[], tried: { steps: number }): boolean {
  for (let step = 0; step < owners.length; step += 1) {
    const bit = 1 << step;
    if ((mask & bit) === 0 || (tried.steps & bit) !== 0) continue;
    tried.steps |= bit;
    const owner = owners[step] as number;
    if (owner === 0 || assign(owner, owners, tried)) {
      owners[step] = mask;
      return true;
    }
  }
  return false;
}
