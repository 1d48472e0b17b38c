// The commonest funnel, flat: steps in order, no exclusions, persons of one id. What `ListWalk` decides, in a third of its
// time. The second and the third step are written out: arrays that are looked up in arrays made it half as fast. Steps
// after them are `further-steps.ts`'. All that the loop computes with is seen to be a 32-bit number, or it became floats.
import type { SelectedPersons } from "../../../people/select-persons.ts";
import { lowerBound, noSteps, paddedTicks, tickMs, type StepList } from "../../../step-columns/step-list.ts";
import type { FunnelRules } from "../kernel/funnel-rows.ts";
import type { TrendMarks } from "../kernel/trend-marks.ts";
import { chooseUsers } from "./chosen-users.ts";
import { FurtherSteps } from "./further-steps.ts";
import { stretchUsers, UserJoin } from "./join-users.ts";
import type { LateRows } from "./late-rows.ts";
import type { Outcomes } from "./outcomes.ts";
import { TickMarks } from "./tick-marks.ts";
import { firstPlace, placeInTick, TickRange } from "./ticks.ts";

const noGaps = new Uint32Array(0);

export interface OrderedWalk {
  readonly rules: FunnelRules;
  /** One for each step. */
  readonly lists: readonly StepList[];
  readonly firstUser: number;
  /** Ascending: users who are looked at elsewhere. */
  readonly skipped: Uint32Array;
  /** Takes those whose outcome needs more than what the lists hold; absent: the lists hold all. */
  readonly late: LateRows | undefined;
  /** Absent: everybody. */
  readonly selected: SelectedPersons | undefined;
  readonly outcomes: Outcomes;
  readonly marks: TrendMarks | undefined;
}

export function walkOrdered(walk: OrderedWalk): void {
  const { lists, outcomes, firstUser, late } = walk;
  const { steps, trend } = walk.rules;
  const [first = noSteps, second = noSteps, third = noSteps] = lists;
  const { users, starts: starts0, rests: rests0 } = first;
  const { starts: starts1, rests: rests1 } = second;
  const { starts: starts2, rests: rests2 } = third;
  const [ticks0, ticks1, ticks2] = [paddedTicks(first), paddedTicks(second), paddedTicks(third)];
  const range = new TickRange(walk.rules, lists);
  const [fromTick, fromRest] = [range.fromTick | 0, range.fromRest | 0];
  const [endTick, endRest] = [range.endTick | 0, range.endRest | 0];
  const [windowTicks, windowRest] = [range.windowTicks | 0, range.windowRest | 0];
  const shift1 = (range.shifts[1] ?? 0) | 0;
  const shift2 = (range.shifts[2] ?? 0) | 0;
  // Of each step after the first.
  const joins = [second, third, ...lists.slice(3)].map((list) => new UserJoin(list.users, firstUser));
  const joinLate = new UserJoin(late?.users ?? noSteps.users, firstUser);
  const [places1, places2] = joins.map(({ places }) => places) as [Int32Array, Int32Array];
  const placesLate = joinLate.places;
  const lateSteps = late?.stepsOf ?? noSteps.users;
  const marks =
    walk.marks === undefined || trend === undefined
      ? undefined
      : new TickMarks(walk.marks, range, { steps, trend });
  const further = steps > 3 ? new FurtherSteps(range, lists, joins) : undefined;
  const chosen = chooseUsers(walk);
  const { added } = outcomes;
  const [, addedGaps1 = noGaps, addedGaps2 = noGaps] = added?.gapsMs ?? [];
  let added1 = (added?.counts[1] ?? 0) | 0;
  let added2 = (added?.counts[2] ?? 0) | 0;
  const gapsMs = new Float64Array(steps);
  let entered = 0;
  for (let from = lowerBound(users, firstUser); from < users.length; from += stretchUsers) {
    const count = Math.min(stretchUsers, users.length - from);
    for (const join of joins) join.find(users, from, count);
    joinLate.find(users, from, count);
    chosen?.find(users, from, count);
    for (let at = 0; at < count; at += 1) {
      if (chosen !== undefined && chosen.isChosen[at] === 0) continue;
      if (marks !== undefined) {
        // Each attempt counts: those of the lists alone would not do.
        if ((placesLate[at] as number) >= 0) {
          late?.take(users[from + at] as number, from + at, at, joins);
          continue;
        }
        marks.begin();
      }
      // Whoever has no row of a step has an empty list of them.
      let place1 = 0;
      let end1 = 0;
      const index1 = places1[at] as number;
      if (index1 >= 0) {
        place1 = (starts1[index1] as number) | 0;
        end1 = (starts1[index1 + 1] as number) | 0;
      }
      let place2 = 0;
      let end2 = 0;
      const index2 = places2[at] as number;
      if (index2 >= 0) {
        place2 = (starts2[index2] as number) | 0;
        end2 = (starts2[index2 + 1] as number) | 0;
      }
      if (further !== undefined) further.begin(at);
      const end0 = (starts0[from + at + 1] as number) | 0;
      let start = (starts0[from + at] as number) | 0;
      if (fromTick >= 0) {
        start = firstPlace(ticks0, start, end0, fromTick);
        start = placeInTick(first, start, end0, fromTick, fromRest);
      }
      let best = 0;
      let gap1 = 0;
      let gap2 = 0;
      // Attempts that begin earlier cannot reach more than what was reached.
      let leastTick = -1;
      for (; start < end0; start = (start + 1) | 0) {
        const tick0 = ticks0[start] as number;
        if (tick0 < leastTick) continue;
        if (tick0 >= endTick && (tick0 > endTick || (rests0[start] as number) >= endRest)) break;
        if (best === 0) best = 1;
        const least1 = (tick0 - shift1) | 0;
        place1 = firstPlace(ticks1, place1, end1, least1);
        if (place1 !== end1 && ticks1[place1] === least1) {
          place1 = placeInTick(second, place1, end1, least1, rests0[start] as number);
        }
        if (place1 === end1) {
          // No later attempt reaches this step either: only in later intervals one still counts.
          if (marks === undefined) break;
          marks.mark(tick0, rests0[start] as number, 1);
          leastTick = marks.nextTick;
          continue;
        }
        const tick1 = ((ticks1[place1] as number) + shift1) | 0;
        const over1 = (tick1 - tick0 - windowTicks) | 0;
        if (
          over1 >= 0 &&
          (over1 > 1 || over1 * tickMs + (rests1[place1] as number) - (rests0[start] as number) > windowRest)
        ) {
          leastTick = (tick1 - windowTicks - 1) | 0;
          if (marks !== undefined) {
            marks.mark(tick0, rests0[start] as number, 1);
            if (marks.nextTick < leastTick) leastTick = marks.nextTick;
          }
          continue;
        }
        if (best === 1) {
          best = 2;
          gap1 = (tick1 - tick0) * tickMs + (rests1[place1] as number) - (rests0[start] as number);
        }
        const least2 = (tick1 - shift2) | 0;
        place2 = firstPlace(ticks2, place2, end2, least2);
        if (place2 !== end2 && ticks2[place2] === least2) {
          place2 = placeInTick(third, place2, end2, least2, rests1[place1] as number);
        }
        if (place2 === end2) {
          if (marks === undefined) break;
          marks.mark(tick0, rests0[start] as number, 2);
          leastTick = marks.nextTick;
          continue;
        }
        const tick2 = ((ticks2[place2] as number) + shift2) | 0;
        const over2 = (tick2 - tick0 - windowTicks) | 0;
        if (
          over2 >= 0 &&
          (over2 > 1 || over2 * tickMs + (rests2[place2] as number) - (rests0[start] as number) > windowRest)
        ) {
          leastTick = (tick2 - windowTicks - 1) | 0;
          if (marks !== undefined) {
            marks.mark(tick0, rests0[start] as number, 2);
            if (marks.nextTick < leastTick) leastTick = marks.nextTick;
          }
          continue;
        }
        let reached = 3;
        if (further !== undefined) {
          reached = further.walk(tick0, rests0[start] as number, tick2, rests2[place2] as number) | 0;
        }
        if (reached > best) {
          best = reached;
          gap1 = (tick1 - tick0) * tickMs + (rests1[place1] as number) - (rests0[start] as number);
          gap2 = (tick2 - tick1) * tickMs + (rests2[place2] as number) - (rests1[place1] as number);
          if (further !== undefined) further.copyGaps(gapsMs, reached);
        }
        const isBroken = further !== undefined && further.isBroken;
        if (marks !== undefined) {
          marks.mark(tick0, rests0[start] as number, reached);
          leastTick = marks.nextTick;
          if (isBroken && further.leastTick < leastTick) leastTick = further.leastTick | 0;
        } else if (isBroken) leastTick = further.leastTick | 0;
        else break;
      }
      const lateAt = placesLate[at] as number;
      if (lateAt >= 0 && (((lateSteps[lateAt] as number) >>> best) & 1) === 1) {
        late?.take(users[from + at] as number, from + at, at, joins);
        continue;
      }
      if (best === 0) continue;
      if (added === undefined) {
        gapsMs[1] = gap1;
        gapsMs[2] = gap2;
        outcomes.add(users[from + at] as number, best, gapsMs);
        continue;
      }
      entered = (entered + 1) | 0;
      if (best > 1) {
        addedGaps1[added1] = gap1;
        added1 = (added1 + 1) | 0;
        if (best > 2) {
          addedGaps2[added2] = gap2;
          added2 = (added2 + 1) | 0;
          if (best > 3) outcomes.addFurther(3, best, gapsMs);
        }
      }
    }
  }
  added?.counts.set([(added.counts[0] as number) + entered, added1, added2].slice(0, steps));
}
