// Who of a stretch of users a flat walk looks at: whoever the filters let through and is not looked at elsewhere.
import type { SelectedPersons } from "../../../people/select-persons.ts";
import { stretchUsers, UserJoin } from "./join-users.ts";

interface Choice {
  /** Ascending. */
  readonly skipped: Uint32Array;
  /** Absent: everybody. */
  readonly selected: SelectedPersons | undefined;
  readonly firstUser: number;
}

/** Undefined where everybody is chosen. */
export function chooseUsers(choice: Choice): ChosenUsers | undefined {
  return choice.skipped.length === 0 && choice.selected === undefined ? undefined : new ChosenUsers(choice);
}

export class ChosenUsers {
  /** Of each user of the stretch: 1 or 0. */
  readonly isChosen = new Uint8Array(stretchUsers);
  readonly #skipped: UserJoin;
  readonly #selected: UserJoin | undefined;
  readonly #complement: boolean;

  constructor({ skipped, selected, firstUser }: Choice) {
    this.#skipped = new UserJoin(skipped, firstUser);
    this.#selected = selected === undefined ? undefined : new UserJoin(selected.persons, firstUser);
    this.#complement = selected?.complement ?? true;
  }

  /** The next stretch. */
  find(users: Uint32Array, from: number, count: number): void {
    this.#skipped.find(users, from, count);
    this.#selected?.find(users, from, count);
    const skipped = this.#skipped.places;
    const selected = this.#selected?.places;
    for (let at = 0; at < count; at += 1) {
      const isSelected = selected === undefined || (selected[at] as number) >= 0 !== this.#complement;
      this.isChosen[at] = isSelected && (skipped[at] as number) < 0 ? 1 : 0;
    }
  }
}
