// Who the filters of a funnel let through.
import type { SelectedPersons } from "../../../people/select-persons.ts";
import { lowerBound } from "../../../step-columns/step-list.ts";

export class Selection {
  readonly #persons: Uint32Array;
  readonly #complement: boolean;
  #place: number;

  constructor(selected: SelectedPersons | undefined, firstPerson: number) {
    this.#persons = selected?.persons ?? new Uint32Array(0);
    this.#complement = selected?.complement ?? true;
    this.#place = lowerBound(this.#persons, firstPerson);
  }

  /** Persons are asked for in order. */
  hasNext(person: number): boolean {
    const persons = this.#persons;
    let place = this.#place;
    while (place < persons.length && (persons[place] as number) < person) place += 1;
    this.#place = place;
    return (persons[place] === person) !== this.#complement;
  }

  has(person: number): boolean {
    return (this.#persons[lowerBound(this.#persons, person)] === person) !== this.#complement;
  }
}
