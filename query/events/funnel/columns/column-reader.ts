// Goes through the users of one part of a column, in order, and hands out the instants of one after the other.
import { partOf } from "../../../step-columns/column-parts.ts";
import type { Column } from "../../../step-columns/step-columns.ts";
import {
  lowerBound,
  lowerBoundFrom,
  noSteps,
  tickMs,
  type StepList,
} from "../../../step-columns/step-list.ts";
import type { InstantList } from "./list-walk.ts";

const instantsFirst = 64;
export const nobody = 2 ** 32;

export class ColumnReader {
  /** The next one that has not been taken; `nobody` at the end. */
  user: number;
  readonly #base: StepList;
  readonly #tail: StepList;
  readonly #list: InstantList;
  #place: number;
  #tailPlace: number;

  constructor({ parts, tail }: Column, part: number, firstUser: number, list: InstantList) {
    this.#base = parts[part] ?? noSteps;
    this.#tail = tail[part] ?? noSteps;
    this.#list = list;
    this.#place = lowerBound(this.#base.users, firstUser);
    this.#tailPlace = lowerBound(this.#tail.users, firstUser);
    this.user = this.#find();
  }

  /** Those that are left, and maybe more. */
  get usersMax(): number {
    return this.#base.users.length - this.#place + this.#tail.users.length - this.#tailPlace;
  }

  /** Puts the user's instants into the list; those before are passed over. */
  take(user: number): void {
    const list = this.#list;
    list.from = 0;
    list.end = 0;
    this.pass(user - 1);
    if (this.user !== user) return;
    if (this.#base.users[this.#place] === user) {
      addInstants(this.#base, this.#place, list);
      this.#place += 1;
    }
    // The tail's come after the base's.
    if (this.#tail.users[this.#tailPlace] === user) {
      addInstants(this.#tail, this.#tailPlace, list);
      this.#tailPlace += 1;
    }
    this.user = this.#find();
  }

  /** Leaves out the user and all before. */
  pass(user: number): void {
    if (this.user > user) return;
    this.#place = lowerBoundFrom(this.#base.users, this.#place, user + 1);
    this.#tailPlace = lowerBoundFrom(this.#tail.users, this.#tailPlace, user + 1);
    this.user = this.#find();
  }

  #find(): number {
    const base = this.#base.users[this.#place] ?? nobody;
    const tail = this.#tail.users[this.#tailPlace] ?? nobody;
    return base < tail ? base : tail;
  }
}

export function emptyList(): InstantList {
  return { times: new Float64Array(instantsFirst), from: 0, end: 0 };
}

/** Instants of all ids of a person, in order. */
export function gather({ parts, tail }: Column, ids: Uint32Array, list: InstantList): void {
  list.from = 0;
  list.end = 0;
  for (const id of ids) {
    const part = partOf(id);
    for (const steps of [parts[part] ?? noSteps, tail[part] ?? noSteps]) {
      const place = lowerBound(steps.users, id);
      if (steps.users[place] === id) addInstants(steps, place, list);
    }
  }
  list.times.subarray(0, list.end).sort();
}

/** Behind what the list holds. */
function addInstants({ starts, ticks, rests, baseMs }: StepList, index: number, list: InstantList): void {
  const begin = starts[index] as number;
  const end = starts[index + 1] as number;
  const length = list.end + end - begin;
  if (length > list.times.length) {
    const grown = new Float64Array(2 * length);
    grown.set(list.times);
    list.times = grown;
  }
  const { times } = list;
  const shift = list.end - begin;
  for (let at = begin; at < end; at += 1) {
    times[shift + at] = baseMs + (ticks[at] as number) * tickMs + (rests[at] as number);
  }
  list.end = length;
}
