// How often each transition was seen: (step, from, to) by numbers of names. A dense table where it is small, else a
// map with a bound.
import { MillraceError } from "#schemas/errors.ts";

/** 32 MB. */
const denseMax = 4_000_000;
/** About 100 MB. */
const transitionsMax = 1_000_000;

export interface Transition {
  readonly step: number;
  readonly from: number;
  /** Undefined: the path ends here. */
  readonly to: number | undefined;
  readonly count: number;
}

export class TransitionCounts {
  readonly #width: number;
  readonly #dense: Float64Array | undefined;
  readonly #sparse = new Map<number, number>();

  constructor(names: number, steps: number) {
    // The number after the last name stands for the end.
    this.#width = names + 1;
    const size = this.#width ** 2 * steps;
    this.#dense = size <= denseMax ? new Float64Array(size) : undefined;
  }

  addEnd(step: number, from: number): void {
    this.add(step, from, this.#width - 1);
  }

  /** Throws QUERY_TOO_EXPENSIVE when there are too many different ones. */
  add(step: number, from: number, to: number): void {
    const key = (step * this.#width + from) * this.#width + to;
    if (this.#dense !== undefined) {
      this.#dense[key] = (this.#dense[key] as number) + 1;
      return;
    }
    const count = this.#sparse.get(key);
    if (count === undefined && this.#sparse.size >= transitionsMax) {
      throw new MillraceError("QUERY_TOO_EXPENSIVE", {
        message: `The paths have more than ${transitionsMax} different transitions; take fewer steps, or name events with \`include\`.`,
        details: [{ budget: "transitions" }],
      });
    }
    this.#sparse.set(key, (count ?? 0) + 1);
  }

  *[Symbol.iterator](): Generator<Transition> {
    const entries = this.#dense === undefined ? this.#sparse.entries() : this.#dense.entries();
    for (const [key, count] of entries) {
      if (count === 0) continue;
      const to = key % this.#width;
      const rest = Math.floor(key / this.#width);
      yield {
        step: Math.floor(rest / this.#width),
        from: rest % this.#width,
        to: to === this.#width - 1 ? undefined : to,
        count,
      };
    }
  }
}
