// A trend of a flat walk: what `TrendMarks` counts, where instants are ticks and rests. The interval of an attempt is looked
// up in a table of stretches of time, none of which holds more than an interval's edge or two: a third of a search.
import type { FunnelRules } from "../kernel/funnel-rows.ts";
import type { TrendMarks } from "../kernel/trend-marks.ts";
import { tickMax, type TickRange } from "./ticks.ts";

/** 16 KB: they stay in the nearest cache. */
const cellsMax = 4096;

export class TickMarks {
  /** Where the interval of the person's last attempt ends, or up to 256 ms before. Until there none counts that reaches no more. */
  nextTick = -1;
  #nextRest = 0;
  readonly #marks: Pick<TrendMarks, "entered" | "converted">;
  readonly #enteredAt: number;
  readonly #convertedAt: number;
  /** Where intervals begin; one more than there are. */
  readonly #ticks: Int32Array;
  readonly #rests: Uint8Array;
  /** The interval that each cell begins in. */
  readonly #cells: Uint32Array;
  readonly #firstTick: number;
  readonly #bits: number;
  #bucket = 0;
  /** Furthest of the person in the interval. */
  #reached = 0;

  /** Counts where `marks` does. */
  constructor(
    marks: TrendMarks,
    range: TickRange,
    { steps, trend }: Pick<FunnelRules, "steps"> & { readonly trend: NonNullable<FunnelRules["trend"]> },
  ) {
    this.#marks = marks;
    this.#enteredAt = trend.fromStep + 1;
    this.#convertedAt = steps;
    const edges = [...trend.startsMs.map((startMs) => range.ticksOf(startMs)), [tickMax, 0] as const];
    this.#ticks = Int32Array.from(edges, ([tick]) => tick);
    this.#rests = Uint8Array.from(edges, ([, rest]) => rest);
    this.#firstTick = Math.max(0, range.fromTick);
    const span = Math.max(1, Math.min(range.endTick, this.#ticks.at(-2) ?? 0) - this.#firstTick);
    this.#bits = Math.max(0, Math.ceil(Math.log2(span / cellsMax)));
    this.#cells = new Uint32Array((span >>> this.#bits) + 1);
    let bucket = 0;
    for (let cell = 0; cell < this.#cells.length; cell += 1) {
      bucket = this.#bucketFrom(bucket, this.#firstTick + (cell << this.#bits), 0);
      this.#cells[cell] = bucket;
    }
  }

  /** The next person. */
  begin(): void {
    this.nextTick = -1;
    this.#nextRest = 0;
  }

  /** Attempts of a person come in order of time. */
  mark(tick: number, rest: number, reached: number): void {
    if (tick > this.nextTick || (tick === this.nextTick && rest >= this.#nextRest)) {
      const cell = (tick - this.#firstTick) >>> this.#bits;
      const cells = this.#cells;
      const near = cells[cell < cells.length ? cell : cells.length - 1] as number;
      this.#bucket = this.#bucketFrom(near, tick, rest);
      this.nextTick = this.#ticks[this.#bucket + 1] as number;
      this.#nextRest = this.#rests[this.#bucket + 1] as number;
      this.#reached = 0;
    }
    if (reached <= this.#reached) return;
    const { entered, converted } = this.#marks;
    const bucket = this.#bucket;
    if (this.#reached < this.#enteredAt && reached >= this.#enteredAt) add(entered, bucket);
    if (reached >= this.#convertedAt) add(converted, bucket);
    this.#reached = reached;
  }

  /** The last interval that begins at or before the instant: that one or a later one. */
  #bucketFrom(near: number, tick: number, rest: number): number {
    const last = this.#ticks.length - 2;
    let bucket = near;
    while (bucket < last) {
      const next = this.#ticks[bucket + 1] as number;
      if (tick < next || (tick === next && rest < (this.#rests[bucket + 1] as number))) break;
      bucket += 1;
    }
    return bucket;
  }
}

function add(counts: Uint32Array, at: number): void {
  counts[at] = (counts[at] as number) + 1;
}
