// The steps after the third of a flat walk (`walk-ordered.ts`): any number of them, for the few attempts that get there.
import { noSteps, paddedTicks, tickMs, type StepList } from "../../../step-columns/step-list.ts";
import type { UserJoin } from "./join-users.ts";
import { firstPlace, placeInTick, type TickRange } from "./ticks.ts";

const before = 3;

export class FurtherSteps {
  /** Of the attempt: a step was not in time. Then attempts that begin before `leastTick` reach no more. */
  isBroken = false;
  leastTick = -1;
  readonly #range: TickRange;
  readonly #lists: readonly StepList[];
  readonly #ticks: readonly Int32Array[];
  readonly #joins: readonly UserJoin[];
  readonly #places: Int32Array;
  readonly #ends: Int32Array;
  readonly #gapsMs: Float64Array;
  #at = 0;
  #isOpen = false;

  /** `lists`: of all steps; `joins`: of all but the first. */
  constructor(range: TickRange, lists: readonly StepList[], joins: readonly UserJoin[]) {
    this.#range = range;
    this.#lists = lists.slice(before);
    this.#ticks = this.#lists.map(paddedTicks);
    this.#joins = joins.slice(before - 1);
    this.#places = new Int32Array(this.#lists.length);
    this.#ends = new Int32Array(this.#lists.length);
    this.#gapsMs = new Float64Array(this.#lists.length);
  }

  /** The next person: the one at this place of the stretch. */
  begin(at: number): void {
    this.#at = at;
    this.#isOpen = false;
  }

  /** Only of who gets here. */
  #open(): void {
    this.#isOpen = true;
    const at = this.#at;
    for (let step = 0; step < this.#joins.length; step += 1) {
      const index = (this.#joins[step] as UserJoin).places[at] as number;
      const { starts } = this.#lists[step] ?? noSteps;
      this.#places[step] = index < 0 ? 0 : (starts[index] as number);
      this.#ends[step] = index < 0 ? 0 : (starts[index + 1] as number);
    }
  }

  /** An attempt that began at the first instant and reached the third step at the second one: how many it reaches. */
  walk(startTick: number, startRest: number, thirdTick: number, thirdRest: number): number {
    const { windowTicks, windowRest, shifts } = this.#range;
    if (!this.#isOpen) this.#open();
    let tick = thirdTick | 0;
    let rest = thirdRest | 0;
    this.isBroken = false;
    for (let step = 0; step < this.#lists.length; step += 1) {
      const ticks = this.#ticks[step] as Int32Array;
      const list = this.#lists[step] as StepList;
      const shift = (shifts[before + step] as number) | 0;
      const end = this.#ends[step] as number;
      const near = firstPlace(ticks, this.#places[step] as number, end, (tick - shift) | 0);
      const place = placeInTick(list, near, end, (tick - shift) | 0, rest);
      this.#places[step] = place;
      if (place === end) return before + step;
      const nextTick = ((ticks[place] as number) + shift) | 0;
      const nextRest = list.rests[place] as number;
      const over = nextTick - startTick - windowTicks;
      if (over * tickMs + nextRest - startRest > windowRest) {
        this.isBroken = true;
        this.leastTick = nextTick - windowTicks - 1;
        return before + step;
      }
      this.#gapsMs[step] = (nextTick - tick) * tickMs + (nextRest - rest);
      tick = nextTick;
      rest = nextRest;
    }
    return before + this.#lists.length;
  }

  /** Of the attempt, which reached so many steps: to each from the one before. */
  copyGaps(gapsMs: Float64Array, reached: number): void {
    for (let step = before; step < reached; step += 1) {
      gapsMs[step] = this.#gapsMs[step - before] as number;
    }
  }
}
