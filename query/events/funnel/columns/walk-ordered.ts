// The commonest funnel, flat: steps in order, no exclusions, persons of one id whose rows are all in the columns' bases.
// What `ListWalk` decides, without an object or a copy a person: half of its time.
import { lowerBound, tickMs, type StepList } from "../../../step-columns/step-list.ts";
import type { FunnelRules } from "../kernel/funnel-rows.ts";
import type { TrendMarks } from "../kernel/trend-marks.ts";
import type { Outcomes } from "./outcomes.ts";
import type { Selection } from "./selection.ts";

export interface OrderedWalk {
  readonly rules: FunnelRules;
  /** One for each step. */
  readonly lists: readonly StepList[];
  readonly firstUser: number;
  /** Ascending: users who are looked at elsewhere. */
  readonly skipped: Uint32Array;
  /** Ascending: users who have rows beside those of the lists. Their turn comes in order, while those are at hand. */
  readonly late: Uint32Array;
  readonly lookAtLate: (user: number) => void;
  /** Absent: everybody. */
  readonly selection: Selection | undefined;
  readonly outcomes: Outcomes;
  readonly marks: TrendMarks | undefined;
}

export function isFlat({ order, exclusions }: FunnelRules): boolean {
  return order === "ordered" && exclusions.length === 0;
}

export function walkOrdered(walk: OrderedWalk): void {
  const { lists, firstUser, skipped, late, lookAtLate, selection, outcomes, marks } = walk;
  const { steps, fromMs, endMs, windowMs } = walk.rules;
  // Ticks count from the base of the first list; those of the others are shifted.
  const { baseMs, users: users0, starts: starts0, ticks: ticks0, rests: rests0 } = lists[0] as StepList;
  const users = lists.map((list) => list.users);
  const starts = lists.map((list) => list.starts);
  const ticks = lists.map((list) => list.ticks);
  const rests = lists.map((list) => list.rests);
  const shifts = lists.map((list) => (list.baseMs - baseMs) / tickMs);
  const fromTick = Math.floor((fromMs - baseMs) / tickMs);
  const fromRest = fromMs - baseMs - fromTick * tickMs;
  const endTick = Math.floor((endMs - baseMs) / tickMs);
  const endRest = endMs - baseMs - endTick * tickMs;
  const windowTicks = Math.floor(windowMs / tickMs);
  /** Of the user whose turn it is, or the next one. */
  const places = Int32Array.from(lists, (list) => lowerBound(list.users, firstUser));
  /** Instants of the user from here, up to there. */
  const cursors = new Int32Array(steps);
  const ends = new Int32Array(steps);
  const gapsOfAttempt = new Float64Array(steps);
  const gapsOfBest = new Float64Array(steps);
  let skip = lowerBound(skipped, firstUser);
  let lateAt = lowerBound(late, firstUser);
  for (let index = places[0] as number; index < users0.length; index += 1) {
    const user = users0[index] as number;
    while (skip < skipped.length && (skipped[skip] as number) < user) skip += 1;
    while (lateAt < late.length && (late[lateAt] as number) < user) {
      lookAtLate(late[lateAt] as number);
      lateAt += 1;
    }
    if (lateAt < late.length && late[lateAt] === user) continue;
    if (skip < skipped.length && skipped[skip] === user) continue;
    if (selection !== undefined && !selection.hasNext(user)) continue;
    // Steps that the user took at all, in turn: no attempt can reach more.
    let possible = 1;
    for (; possible < steps; possible += 1) {
      const usersOf = users[possible] as Uint32Array;
      let place = places[possible] as number;
      while (place < usersOf.length && (usersOf[place] as number) < user) place += 1;
      places[possible] = place;
      if (place === usersOf.length || usersOf[place] !== user) break;
      const startsOf = starts[possible] as Uint32Array;
      cursors[possible] = startsOf[place] as number;
      ends[possible] = startsOf[place + 1] as number;
    }
    const end0 = starts0[index + 1] as number;
    let best = 0;
    if (marks !== undefined) marks.begin();
    // Attempts that begin earlier cannot reach more than what was reached.
    let leastTick = fromTick;
    for (let at = starts0[index] as number; at < end0; at += 1) {
      const startTick = ticks0[at] as number;
      if (startTick < leastTick) continue;
      const startRest = rests0[at] as number;
      if (startTick === fromTick && startRest < fromRest) continue;
      if (startTick > endTick || (startTick === endTick && startRest >= endRest)) break;
      let tick = startTick;
      let rest = startRest;
      let reached = 1;
      for (; reached < possible; reached += 1) {
        const ticksOf = ticks[reached] as Int32Array;
        const restsOf = rests[reached] as Uint8Array;
        const shift = shifts[reached] as number;
        const end = ends[reached] as number;
        let place = cursors[reached] as number;
        const least = tick - shift;
        while (place < end && (ticksOf[place] as number) < least) place += 1;
        while (place < end && ticksOf[place] === least && (restsOf[place] as number) < rest) place += 1;
        cursors[reached] = place;
        if (place === end) {
          // Later attempts come too late for this step as well.
          possible = reached;
          break;
        }
        const nextTick = (ticksOf[place] as number) + shift;
        const nextRest = restsOf[place] as number;
        const passed = nextTick - startTick;
        if (
          passed >= windowTicks &&
          (passed > windowTicks + 1 || passed * tickMs + nextRest - startRest > windowMs)
        ) {
          if (marks === undefined) leastTick = nextTick - windowTicks - 1;
          break;
        }
        gapsOfAttempt[reached] = (nextTick - tick) * tickMs + nextRest - rest;
        tick = nextTick;
        rest = nextRest;
      }
      if (reached > best) {
        best = reached;
        for (let step = 1; step < reached; step += 1) gapsOfBest[step] = gapsOfAttempt[step] as number;
      }
      if (marks !== undefined) marks.mark(baseMs + startTick * tickMs + startRest, reached);
      else if (best >= possible) break;
    }
    if (best > 0) outcomes.add(user, best, gapsOfBest);
  }
  for (; lateAt < late.length; lateAt += 1) lookAtLate(late[lateAt] as number);
}
