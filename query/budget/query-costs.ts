// What questions took before: whether the next one of the same shape, over whatever range, is light or heavy. A shape
// that was never asked is judged by the rows it may look at.
import type { Lane } from "./fair-gate.ts";

/** A query that runs for longer, or would if it had the cores to itself, is heavy, whatever was thought of it. */
export const lightMsMax = 300;
/** Rows that are surely looked at within that time. */
const lightRowsMax = 5_000_000;
/** Fewer events cost as much as these. */
const eventsMin = 100_000;
const remembered = 10_000;
/** Of the latest query in the mean. */
const weight = 0.5;

export interface Expected {
  /** Questions that differ in their range only have the same; undefined: nothing is known. */
  readonly shape: string | undefined;
  /** In the range. */
  readonly events: number;
  /** True when each of them may be looked at. */
  readonly rows: boolean;
}

export class QueryCosts {
  readonly #msPerEvent = new Map<string, number>();

  laneOf({ shape, events, rows }: Expected): Exclude<Lane, "background"> {
    const msPerEvent = shape === undefined ? undefined : this.#msPerEvent.get(shape);
    if (msPerEvent !== undefined) {
      return msPerEvent * Math.max(events, eventsMin) > lightMsMax ? "heavy" : "light";
    }
    return rows && events > lightRowsMax ? "heavy" : "light";
  }

  learn({ shape, events }: Expected, ms: number): void {
    if (shape === undefined) return;
    const latest = ms / Math.max(events, eventsMin);
    const before = this.#msPerEvent.get(shape);
    this.#msPerEvent.delete(shape);
    this.#msPerEvent.set(shape, before === undefined ? latest : before + weight * (latest - before));
    if (this.#msPerEvent.size > remembered) {
      const [oldest] = this.#msPerEvent.keys();
      if (oldest !== undefined) this.#msPerEvent.delete(oldest);
    }
  }
}
