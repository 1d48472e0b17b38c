// How often the same work is done: what is asked for alone is done at once, at the end of the turn of the event loop;
// what is asked for again and again gathers, and is done together.

export class Pace {
  readonly #everyMs: number;
  readonly #run: () => void;
  #scheduled = false;
  #ranAtMs = Number.NEGATIVE_INFINITY;

  /** Two runs are at least `everyMs` apart. */
  constructor(everyMs: number, run: () => void) {
    this.#everyMs = everyMs;
    this.#run = run;
  }

  /** `run` follows, once for all that ask before it. */
  ask(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    const restMs = this.#ranAtMs + this.#everyMs - performance.now();
    if (restMs > 0) setTimeout(() => this.#go(), restMs);
    else setImmediate(() => this.#go());
  }

  #go(): void {
    this.#scheduled = false;
    this.#ranAtMs = performance.now();
    this.#run();
  }
}
