// Persons who have rows of the latest days beside those of the days before. An attempt gets further than those before only
// by a later row of the next step: whoever has none is done. Of the others all rows are put together while those of the
// days before are at hand: looked up afterwards, each would be fetched from memory again, ten times as slow.
import {
  lowerBoundFrom,
  noSteps,
  rowsPadding,
  tickMs,
  type StepList,
} from "../../../step-columns/step-list.ts";
import { joinableEnd, type UserJoin } from "./join-users.ts";

const usersFirst = 1024;
const rowsFirst = 8192;

export class LateRows {
  /** Whoever has later rows and may be in the first list, in order, … */
  readonly users: Uint32Array;
  /** … and of which steps: bits. */
  readonly stepsOf: Uint32Array;
  readonly #steps: readonly RowsOfStep[];

  /** One list and one tail a step: all rows of a tail are later than those of its list. */
  constructor(lists: readonly StepList[], tails: readonly StepList[]) {
    let late: Late = { users: new Uint32Array(0), stepsOf: new Uint32Array(0) };
    tails.forEach(({ users }, step) => (late = addUsers(late, users, 1 << step)));
    this.users = late.users;
    this.stepsOf = late.stepsOf;
    this.#steps = lists.map((list, step) => new RowsOfStep(list, tails[step] ?? noSteps));
  }

  /** Users come in order: this one's place in the first list, and in the stretch that `joins` of the other steps are of. */
  take(user: number, index: number, at: number, joins: readonly UserJoin[]): void {
    for (let step = 0; step < this.#steps.length; step += 1) {
      const place = step === 0 ? index : ((joins[step - 1] as UserJoin).places[at] as number);
      (this.#steps[step] as RowsOfStep).take(user, place);
    }
  }

  /** All rows of those who were taken. */
  finish(): StepList[] {
    return this.#steps.map((rows) => rows.finish());
  }
}

interface Late {
  readonly users: Uint32Array;
  readonly stepsOf: Uint32Array;
}

/** Without a branch that nobody can foretell, as joins are. */
function addUsers(late: Late, added: Uint32Array, bit: number): Late {
  const { users: before, stepsOf: stepsBefore } = late;
  const addedEnd = joinableEnd(added);
  const users = new Uint32Array(before.length + addedEnd);
  const stepsOf = new Uint32Array(users.length);
  let [at, next, filled] = [0, 0, 0];
  while (at < before.length && next < addedEnd) {
    const user = (before[at] as number) | 0;
    const other = (added[next] as number) | 0;
    const isLess = ((user - other) | 0) >> 31;
    const isGreater = ((other - user) | 0) >> 31;
    users[filled] = (user & ~isGreater) | (other & isGreater);
    stepsOf[filled] = ((stepsBefore[at] as number) & ~isGreater) | (bit & ~isLess);
    filled = (filled + 1) | 0;
    at = (at + 1 + isGreater) | 0;
    next = (next + 1 + isLess) | 0;
  }
  users.set(before.subarray(at), filled);
  stepsOf.set(stepsBefore.subarray(at), filled);
  filled += before.length - at;
  users.set(added.subarray(next, addedEnd), filled);
  filled += addedEnd - next;
  stepsOf.fill(bit, filled - (addedEnd - next), filled);
  return { users: users.subarray(0, filled), stepsOf: stepsOf.subarray(0, filled) };
}

class RowsOfStep {
  readonly #list: StepList;
  readonly #tail: StepList;
  readonly #baseMs: number;
  #users = new Uint32Array(usersFirst);
  #starts = new Uint32Array(usersFirst + 1);
  #ticks = new Int32Array(rowsFirst);
  #rests = new Uint8Array(rowsFirst);
  #count = 0;
  #rows = 0;
  #next = 0;

  constructor(list: StepList, tail: StepList) {
    this.#list = list;
    this.#tail = tail;
    this.#baseMs = list.users.length === 0 ? tail.baseMs : list.baseMs;
  }

  /** `place`: in the list, or -1. */
  take(user: number, place: number): void {
    const { users } = this.#tail;
    const tailPlace = lowerBoundFrom(users, this.#next, user);
    this.#next = tailPlace;
    const before = this.#rows;
    if (place >= 0) this.#add(this.#list, place);
    if (tailPlace < users.length && users[tailPlace] === user) this.#add(this.#tail, tailPlace);
    if (this.#rows === before) return;
    if (this.#count === this.#users.length) {
      this.#users = grown(this.#users, new Uint32Array(2 * this.#count));
      this.#starts = grown(this.#starts, new Uint32Array(2 * this.#count + 1));
    }
    this.#users[this.#count] = user;
    this.#count += 1;
    this.#starts[this.#count] = this.#rows;
  }

  finish(): StepList {
    return {
      users: this.#users.subarray(0, this.#count),
      starts: this.#starts.subarray(0, this.#count + 1),
      ticks: this.#ticks.subarray(0, this.#rows),
      rests: this.#rests.subarray(0, this.#rows),
      baseMs: this.#baseMs,
    };
  }

  #add({ starts, ticks, rests, baseMs }: StepList, place: number): void {
    const begin = starts[place] as number;
    const end = starts[place + 1] as number;
    const needed = this.#rows + end - begin + rowsPadding;
    if (needed > this.#ticks.length) {
      this.#ticks = grown(this.#ticks, new Int32Array(2 * needed));
      this.#rests = grown(this.#rests, new Uint8Array(2 * needed));
    }
    const [toTicks, toRests] = [this.#ticks, this.#rests];
    const shift = ((baseMs - this.#baseMs) / tickMs) | 0;
    let to = this.#rows;
    for (let row = begin; row < end; row += 1) {
      toTicks[to] = (ticks[row] as number) + shift;
      toRests[to] = rests[row] as number;
      to += 1;
    }
    this.#rows = to;
  }
}

function grown<Numbers extends Uint32Array | Int32Array | Uint8Array>(from: Numbers, to: Numbers): Numbers {
  to.set(from);
  return to;
}

/** The rows of users who are not in the other list. */
export function withoutUsers(list: StepList, others: Uint32Array): StepList {
  const kept = new RowsOfStep(noSteps, list);
  let next = 0;
  for (let index = 0; index < list.users.length; index += 1) {
    const user = list.users[index] as number;
    next = lowerBoundFrom(others, next, user);
    if (next === others.length || others[next] !== user) kept.take(user, -1);
  }
  return kept.finish();
}
