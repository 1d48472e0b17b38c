// Readings shared by callers of the same moment: each gets one that began after it asked, so it knows all that the
// caller could know, and at most one of a name is under way. A hundred who ask at once cost two readings.

interface Round<T> {
  readonly reading: Promise<T>;
  next: Promise<T> | undefined;
}

export class Rounds<T> {
  readonly #underWay = new Map<string, Round<T>>();

  run(name: string, read: () => Promise<T>): Promise<T> {
    const round = this.#underWay.get(name);
    if (round === undefined) return this.#begin(name, read);
    round.next ??= round.reading.then(
      () => this.#begin(name, read),
      () => this.#begin(name, read),
    );
    return round.next;
  }

  #begin(name: string, read: () => Promise<T>): Promise<T> {
    const reading = read();
    const round: Round<T> = { reading, next: undefined };
    this.#underWay.set(name, round);
    const forget = (): void => {
      if (this.#underWay.get(name) === round && round.next === undefined) this.#underWay.delete(name);
    };
    reading.then(forget, forget);
    return reading;
  }
}
