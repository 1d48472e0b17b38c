// For `dedupe=rows`: the how-manieth equal row of its file each row is. A file may hold genuinely equal rows, which
// all count; the first of them in one file is the first of them in any other. 96 bits a row, as open addressing.
import { createHash } from "node:crypto";

const slotWords = 3;
const slotsMin = 4096;
const loadFactorMax = 0.7;
/** Words at the start: rows, then unused. */
const headerWords = 2;

/** Shared memory, so that each chunk of a file may be read by another thread. */
export type OccurrencesHandle = SharedArrayBuffer;

export class RowOccurrences {
  #words: Uint32Array;
  #mask: number;

  constructor(handle?: OccurrencesHandle) {
    this.#words = new Uint32Array(handle ?? new SharedArrayBuffer((headerWords + slotsMin * slotWords) * 4));
    this.#mask = (this.#words.length - headerWords) / slotWords - 1;
  }

  /** Changes when the table grows: hand the new one on. */
  get handle(): OccurrencesHandle {
    return this.#words.buffer as SharedArrayBuffer;
  }

  /** Distinct rows so far. */
  get size(): number {
    return this.#words[0] as number;
  }

  /** From 1, for the row whose content has this hash. */
  count(hash: Buffer): number {
    // A slot is 64 bits of the hash and a count; a free one has the count 0.
    const low = hash.readUInt32LE(0);
    const high = hash.readUInt32LE(4);
    const at = this.#find(low, high);
    const words = this.#words;
    const times = (words[at + 2] as number) + 1;
    words[at] = low;
    words[at + 1] = high;
    words[at + 2] = times;
    if (times === 1) {
      const size = (words[0] as number) + 1;
      words[0] = size;
      if (size > (this.#mask + 1) * loadFactorMax) this.#grow();
    }
    return times;
  }

  #find(low: number, high: number): number {
    const words = this.#words;
    for (let slot = low & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const at = headerWords + slot * slotWords;
      if (words[at + 2] === 0 || (words[at] === low && words[at + 1] === high)) return at;
    }
  }

  #grow(): void {
    const old = this.#words;
    const slots = (this.#mask + 1) * 2;
    this.#words = new Uint32Array(new SharedArrayBuffer((headerWords + slots * slotWords) * 4));
    this.#words[0] = old[0] as number;
    this.#mask = slots - 1;
    for (let at = headerWords; at < old.length; at += slotWords) {
      if (old[at + 2] === 0) continue;
      const to = this.#find(old[at] as number, old[at + 1] as number);
      this.#words.set(old.subarray(at, at + slotWords), to);
    }
  }
}

const idBytes = 16;

/** Of the parts of an event; no part can be taken for another one's end. */
export function hashContent(parts: readonly string[]): Buffer {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(`${part.length}:`).update(part);
  return hash.digest().subarray(0, idBytes);
}
