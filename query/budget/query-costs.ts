// What questions took before: whether the next one of the same shape, over whatever range, is light or heavy. A shape
// that was never asked is judged by the rows it may look at.
import type { Lane } from "./fair-gate.ts";

/** A query that runs for longer, or would if it had the cores to itself, is heavy, whatever was thought of it. */
const lightMsMin = 300;
/** On cores that others use as well all of them take longer: heavy is what takes longer than light ones do, within bounds. */
const timesTypical = 4;
const lightMsMax = 900;
const typicalWeight = 0.05;
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
  /** Mean of those that were light. */
  #typicalMs = 0;

  /** A query that takes longer is heavy. */
  get lightMsMax(): number {
    return Math.min(lightMsMax, Math.max(lightMsMin, timesTypical * this.#typicalMs));
  }

  laneOf({ shape, events, rows }: Expected): Exclude<Lane, "background"> {
    const msPerEvent = shape === undefined ? undefined : this.#msPerEvent.get(shape);
    if (msPerEvent !== undefined) {
      return msPerEvent * Math.max(events, eventsMin) > this.lightMsMax ? "heavy" : "light";
    }
    return rows && events > lightRowsMax ? "heavy" : "light";
  }

  learn({ shape, events }: Expected, ms: number): void {
    if (ms <= this.lightMsMax) this.#typicalMs += typicalWeight * (ms - this.#typicalMs);
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
