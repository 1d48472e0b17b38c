// A strict funnel, flat: over the lists of the days before, without a copy of anybody's rows. Persons about whom these
// do not say all, because events share an instant or later days matter, are named, and looked at one by one elsewhere.
import { lowerBound, noSteps, paddedTicks, tickMs, type StepList } from "../../../step-columns/step-list.ts";
import { chooseUsers } from "./chosen-users.ts";
import { stretchUsers, UserJoin } from "./join-users.ts";
import { firstPlace, placeInTick, TickRange } from "./ticks.ts";
import type { OrderedWalk } from "./walk-ordered.ts";

export interface StrictWalk extends Omit<OrderedWalk, "late" | "marks"> {
  /** Of all events, whatever their names. */
  readonly all: StepList;
  /** Users who have later rows of the first step, … */
  readonly lateFirst: Uint32Array;
  /** … and of any event. */
  readonly lateAll: Uint32Array;
}

/** Answers whom it could not decide, in order. */
export function walkStrict(walk: StrictWalk): number[] {
  const { lists, all, outcomes, firstUser } = walk;
  const { steps } = walk.rules;
  const [first = noSteps, second = noSteps] = lists;
  const { users, starts: starts0, rests: rests0 } = first;
  const { starts: startsAll, rests: restsAll } = all;
  const [ticks0, ticks1, ticksAll] = [paddedTicks(first), paddedTicks(second), paddedTicks(all)];
  const ticksOf = lists.map(paddedTicks);
  const range = new TickRange(walk.rules, [...lists, all]);
  const { fromTick, fromRest, endTick, endRest, windowTicks, windowRest, shifts } = range;
  const shift1 = (shifts[1] ?? 0) | 0;
  const shiftAll = (shifts[steps] ?? 0) | 0;
  const joinOf = (others: Uint32Array): UserJoin => new UserJoin(others, firstUser);
  // Of each step after the first.
  const joins = lists.slice(1).map((list) => joinOf(list.users));
  const [joinAll, joinLateFirst, joinLateAll] = [all.users, walk.lateFirst, walk.lateAll].map(joinOf) as [
    UserJoin,
    UserJoin,
    UserJoin,
  ];
  const allJoins = [...joins, joinAll, joinLateFirst, joinLateAll];
  const places1 = joins[0]?.places;
  const chosen = chooseUsers(walk);
  const [places, ends] = [new Int32Array(steps), new Int32Array(steps)];
  const [gapsMs, bestGapsMs] = [new Float64Array(steps), new Float64Array(steps)];
  const undecided: number[] = [];
  for (let from = lowerBound(users, firstUser); from < users.length; from += stretchUsers) {
    const count = Math.min(stretchUsers, users.length - from);
    for (const join of allJoins) join.find(users, from, count);
    chosen?.find(users, from, count);
    for (let at = 0; at < count; at += 1) {
      if (chosen !== undefined && chosen.isChosen[at] === 0) continue;
      const indexAll = joinAll.places[at] as number;
      if (indexAll < 0) {
        undecided.push(users[from + at] as number);
        continue;
      }
      let placeAll = (startsAll[indexAll] as number) | 0;
      const endAll = (startsAll[indexAll + 1] as number) | 0;
      for (let step = 2; step < steps; step += 1) {
        const index = (joins[step - 1] as UserJoin).places[at] as number;
        const { starts } = lists[step] ?? noSteps;
        places[step] = index < 0 ? 0 : (starts[index] as number);
        ends[step] = index < 0 ? 0 : (starts[index + 1] as number);
      }
      const index1 = places1 === undefined ? -1 : (places1[at] as number);
      let place1 = index1 < 0 ? 0 : (second.starts[index1] as number) | 0;
      const end1 = index1 < 0 ? 0 : (second.starts[index1 + 1] as number) | 0;
      const isLate = (joinLateAll.places[at] as number) >= 0;
      // Who has no second step reaches no more than the first, unless later days have one.
      const possible = !isLate && end1 === place1 ? 1 : steps;
      let isUnsure = false;
      let isOpen = false;
      let best = 0;
      let start = (starts0[from + at] as number) | 0;
      const end0 = (starts0[from + at + 1] as number) | 0;
      if (fromTick >= 0) {
        start = firstPlace(ticks0, start, end0, fromTick);
        start = placeInTick(first, start, end0, fromTick, fromRest);
      }
      for (; start < end0 && best < possible; start = (start + 1) | 0) {
        const tick0 = ticks0[start] as number;
        const rest0 = rests0[start] as number;
        if (tick0 >= endTick && (tick0 > endTick || rest0 >= endRest)) break;
        if (best === 0) best = 1;
        if (possible === 1) break;
        const leastAll = (tick0 - shiftAll) | 0;
        placeAll = firstPlace(ticksAll, placeAll, endAll, leastAll);
        placeAll = placeInTick(all, placeAll, endAll, leastAll, rest0);
        let next = (placeAll + 1) | 0;
        // The attempt's own event, and no other one at its instant.
        if (
          placeAll >= endAll ||
          ticksAll[placeAll] !== leastAll ||
          restsAll[placeAll] !== rest0 ||
          (next < endAll && ticksAll[next] === leastAll && restsAll[next] === rest0)
        ) {
          isUnsure = true;
          break;
        }
        let reached = 1;
        let [tick, rest] = [tick0, rest0];
        for (; reached < steps; reached += 1) {
          if (next >= endAll) {
            isOpen = true;
            break;
          }
          const tickAll = ticksAll[next] as number;
          const nextTick = (tickAll + shiftAll) | 0;
          const nextRest = restsAll[next] as number;
          if ((nextTick - tick0 - windowTicks) * tickMs + nextRest - rest0 > windowRest) break;
          next = (next + 1) | 0;
          if (next < endAll && ticksAll[next] === tickAll && restsAll[next] === nextRest) {
            isUnsure = true;
            break;
          }
          if (reached === 1) {
            place1 = firstPlace(ticks1, place1, end1, (nextTick - shift1) | 0);
            place1 = placeInTick(second, place1, end1, (nextTick - shift1) | 0, nextRest);
            if (place1 >= end1 || ticks1[place1] !== nextTick - shift1 || second.rests[place1] !== nextRest)
              break;
          } else {
            const list = lists[reached] as StepList;
            const least = nextTick - (shifts[reached] as number);
            const end = ends[reached] as number;
            const near = firstPlace(ticksOf[reached] as Int32Array, places[reached] as number, end, least);
            const place = placeInTick(list, near, end, least, nextRest);
            places[reached] = place;
            if (place >= end || list.ticks[place] !== least || list.rests[place] !== nextRest) break;
          }
          gapsMs[reached] = (nextTick - tick) * tickMs + nextRest - rest;
          [tick, rest] = [nextTick, nextRest];
        }
        if (isUnsure) break;
        if (reached <= best) continue;
        best = reached;
        bestGapsMs.set(gapsMs);
      }
      const isMore = best < steps && isLate && (isOpen || (joinLateFirst.places[at] as number) >= 0);
      if (isUnsure || isMore) undecided.push(users[from + at] as number);
      else if (best > 0) outcomes.add(users[from + at] as number, best, bestGapsMs);
    }
  }
  return undecided;
}
