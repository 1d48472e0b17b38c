// A trend: in which intervals a person's attempts began, how many people entered and converted there. A person
// counts once an interval.
import type { FunnelRules } from "./funnel-rows.ts";

export class TrendMarks {
  readonly entered: Uint32Array;
  readonly converted: Uint32Array;
  readonly #startsMs: readonly number[];
  readonly #enteredAt: number;
  readonly #convertedAt: number;
  #bucket = 0;
  /** Furthest of the person in the bucket. */
  #reached = 0;

  constructor(rules: FunnelRules, trend: NonNullable<FunnelRules["trend"]>) {
    this.entered = new Uint32Array(trend.startsMs.length);
    this.converted = new Uint32Array(trend.startsMs.length);
    this.#startsMs = trend.startsMs;
    this.#enteredAt = trend.fromStep + 1;
    this.#convertedAt = rules.steps;
  }

  /** The next person. */
  begin(): void {
    this.#bucket = 0;
    this.#reached = 0;
  }

  /** An attempt that survived; attempts of a person come in order of time. */
  mark(startMs: number, reached: number): void {
    const bucket = this.#bucketOf(startMs);
    if (bucket !== this.#bucket) {
      this.#bucket = bucket;
      this.#reached = 0;
    }
    if (reached <= this.#reached) return;
    if (this.#reached < this.#enteredAt && reached >= this.#enteredAt) add(this.entered, bucket);
    if (reached >= this.#convertedAt) add(this.converted, bucket);
    this.#reached = reached;
  }

  /** The last bucket that begins at or before the instant. */
  #bucketOf(timeMs: number): number {
    const startsMs = this.#startsMs;
    let low = this.#bucket;
    if ((startsMs[low + 1] ?? Infinity) > timeMs) return low;
    let high = startsMs.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((startsMs[middle] as number) <= timeMs) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

function add(counts: Uint32Array, at: number): void {
  counts[at] = (counts[at] as number) + 1;
}
