// The events of one person, grouped by instant, with a list of instants for every step and exclusion. One object
// serves all persons of a task: its arrays grow to the largest and are used again.
import type { FunnelRows } from "./funnel-rows.ts";

const rowsFirst = 256;

export class PersonEvents {
  /** Bits of the steps in a mask. */
  readonly stepsMask: number;
  groups = 0;
  /** All bits of the person. */
  union = 0;
  /** True when an event matches several steps. */
  overlapping = false;
  timesMs = new Float64Array(rowsFirst);
  /** Bits of all events of the instant. */
  masks = new Uint32Array(rowsFirst);
  /** First row of each group, and after the last one the end. */
  starts = new Uint32Array(rowsFirst + 1);
  /** 1: several events at one instant of which one matches several steps: who takes which must be found. */
  mixed = new Uint8Array(rowsFirst);
  rows: FunnelRows | undefined;
  readonly #lists: Uint32Array[];
  readonly #lengths: Uint32Array;
  /** Where each list was read last: attempts ask in ascending order. */
  readonly #cursors: Uint32Array;

  constructor(steps: number, exclusions: number) {
    this.stepsMask = 2 ** steps - 1;
    const bits = steps + exclusions;
    this.#lists = Array.from({ length: bits }, () => new Uint32Array(rowsFirst));
    this.#lengths = new Uint32Array(bits);
    this.#cursors = new Uint32Array(bits);
  }

  /** Takes the rows [begin, end), which are ordered by time. */
  load(rows: FunnelRows, begin: number, end: number): void {
    if (end - begin > this.timesMs.length) this.#grow(end - begin);
    const { timesMs, masks, starts, mixed, stepsMask } = this;
    let group = -1;
    let lastMs = Number.NaN;
    let union = 0;
    this.overlapping = false;
    for (let row = begin; row < end; row += 1) {
      const mask = rows.masks[row] as number;
      const timeMs = rows.timesMs[row] as number;
      const stepBits = mask & stepsMask;
      const several = (stepBits & (stepBits - 1)) !== 0;
      if (several) this.overlapping = true;
      if (timeMs !== lastMs) {
        group += 1;
        lastMs = timeMs;
        timesMs[group] = timeMs;
        masks[group] = mask;
        starts[group] = row;
        mixed[group] = several ? 1 : 0;
      } else {
        masks[group] = (masks[group] as number) | mask;
        if (several) mixed[group] = 1;
      }
      union |= mask;
    }
    starts[group + 1] = end;
    this.rows = rows;
    this.groups = group + 1;
    this.union = union;
    this.#list();
  }

  /** Events at the group's instant. */
  size(group: number): number {
    return (this.starts[group + 1] as number) - (this.starts[group] as number);
  }

  /** The first group after `after` (-1: the first of all) with the bit, or -1. */
  next(bit: number, after: number): number {
    const at = this.position(bit, after);
    return at < (this.#lengths[bit] as number) ? ((this.#lists[bit] as Uint32Array)[at] as number) : -1;
  }

  /** The group at a position of the bit's list, or -1 behind its end. */
  at(bit: number, position: number): number {
    return position < (this.#lengths[bit] as number)
      ? ((this.#lists[bit] as Uint32Array)[position] as number)
      : -1;
  }

  /** Position in the bit's list of the first group after `after`: gallops from where the list was read last. */
  position(bit: number, after: number): number {
    const list = this.#lists[bit] as Uint32Array;
    const length = this.#lengths[bit] as number;
    let low = this.#cursors[bit] as number;
    let high: number;
    if (low > 0 && (list[low - 1] as number) > after) {
      high = low - 1;
      let stride = 1;
      for (low = high; low > 0 && (list[low - 1] as number) > after; stride *= 2) {
        high = low;
        low = Math.max(0, low - stride);
      }
    } else {
      high = low;
      let stride = 1;
      for (; high < length && (list[high] as number) <= after; stride *= 2) {
        low = high + 1;
        high = Math.min(length, high + stride);
      }
    }
    // The answer lies in [low, high].
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((list[middle] as number) > after) high = middle;
      else low = middle + 1;
    }
    this.#cursors[bit] = low;
    return low;
  }

  #list(): void {
    this.#lengths.fill(0);
    this.#cursors.fill(0);
    const { masks, groups, mixed } = this;
    for (let group = 0; group < groups; group += 1) {
      if (mixed[group] === 1 && this.size(group) === 1) mixed[group] = 0;
      for (let rest = masks[group] as number; rest !== 0; rest &= rest - 1) {
        const bit = 31 - Math.clz32(rest & -rest);
        const at = this.#lengths[bit] as number;
        let list = this.#lists[bit] as Uint32Array;
        if (at === list.length) {
          list = new Uint32Array(2 * at);
          list.set(this.#lists[bit] as Uint32Array);
          this.#lists[bit] = list;
        }
        list[at] = group;
        this.#lengths[bit] = at + 1;
      }
    }
  }

  #grow(rows: number): void {
    const capacity = Math.max(rows, 2 * this.timesMs.length);
    this.timesMs = new Float64Array(capacity);
    this.masks = new Uint32Array(capacity);
    this.starts = new Uint32Array(capacity + 1);
    this.mixed = new Uint8Array(capacity);
  }
}
