// What questions took before: whether the next one like it is light or heavy. A question that was never asked is judged
// by the rows it may look at.
import type { Lane } from "./fair-gate.ts";

/** A query that runs for longer is heavy, whatever was thought of it. */
export const lightMsMax = 300;
/** Rows that are surely looked at within that time. */
const lightRowsMax = 5_000_000;
const remembered = 10_000;
const weight = 0.5;

export class QueryCosts {
  readonly #meanMs = new Map<string, number>();

  laneOf(name: string | undefined, rows: number): Exclude<Lane, "background"> {
    const meanMs = name === undefined ? undefined : this.#meanMs.get(name);
    if (meanMs !== undefined) return meanMs > lightMsMax ? "heavy" : "light";
    return rows > lightRowsMax ? "heavy" : "light";
  }

  learn(name: string | undefined, ms: number): void {
    if (name === undefined) return;
    const before = this.#meanMs.get(name);
    this.#meanMs.delete(name);
    this.#meanMs.set(name, before === undefined ? ms : before + weight * (ms - before));
    if (this.#meanMs.size > remembered) {
      const [oldest] = this.#meanMs.keys();
      if (oldest !== undefined) this.#meanMs.delete(oldest);
    }
  }
}
