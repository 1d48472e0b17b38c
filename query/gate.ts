// Lets so many through at once; the others wait in their order. Bounds what the queries of a process hold together.
export class Gate {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(atOnceMax: number) {
    this.#free = atOnceMax;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      // The place passes on without being free in between.
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}
