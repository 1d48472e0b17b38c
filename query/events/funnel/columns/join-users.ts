// Which persons of a stretch of one list are in another list as well. Both are ascending, and whose turn is next cannot be
// foretold, so no branch depends on it: 1.3 ns a person and list, 2.4 with a comparison that the processor has to guess.
import { lowerBound } from "../../../step-columns/step-list.ts";

/** Users of one call: what is found lies in the nearest cache while it is used. */
export const stretchUsers = 256;

/** Numbers below this can be subtracted from each other. */
const userEnd = 2 ** 31;

/** Whether stretches of the list can be looked for in others. */
export function isJoinable(users: Uint32Array): boolean {
  return (users.at(-1) ?? 0) < userEnd;
}

/** Where the users begin that no such stretch has. */
export function joinableEnd(users: Uint32Array): number {
  return isJoinable(users) ? users.length : lowerBound(users, userEnd);
}

export class UserJoin {
  /** Of each user of the stretch: the place in this list, or -1. */
  readonly places = new Int32Array(stretchUsers);
  readonly #users: Uint32Array;
  #next: number;

  /**
   * `users`: of this list. Stretches come in order, the first one from `firstUser` on. Users that are not
   * joinable are nobody's. */
  constructor(users: Uint32Array, firstUser: number) {
    this.#users = users.subarray(0, joinableEnd(users));
    this.#next = lowerBound(users, firstUser);
  }

  /** The stretch: `count` of the other list's users, from the place `from` on. */
  find(others: Uint32Array, from: number, count: number): void {
    const users = this.#users;
    const { length } = users;
    const places = this.places;
    let next = this.#next;
    let at = 0;
    while (at < count && next < length) {
      const difference = (((others[from + at] as number) | 0) - ((users[next] as number) | 0)) | 0;
      // All bits, or none.
      const isLess = difference >> 31;
      const isGreater = (-difference | 0) >> 31;
      places[at] = next | isLess | isGreater;
      at = (at + 1 + isGreater) | 0;
      next = (next + 1 + isLess) | 0;
    }
    places.fill(-1, at, count);
    this.#next = next;
  }
}
