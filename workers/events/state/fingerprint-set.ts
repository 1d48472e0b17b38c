// A set of 96-bit fingerprints in shared memory: open addressing, linear probing, 12 bytes a slot.
// Shared so that any pool thread can work on any partition; one thread at a time writes a partition's set.
// 96 bits: with 50 M ids remembered, the chance that any of the next 50 M new ids is taken for a repeat is
// 3e-14; with 64 bits it would be 1.4e-4.

const headerWords = 4;
const slotWords = 3;
const slotsMin = 1024;
const loadFactorMax = 0.7;

export type FingerprintSetHandle = SharedArrayBuffer;

export class FingerprintSet {
  #words: Uint32Array;
  #mask: number;

  constructor(handle: FingerprintSetHandle) {
    this.#words = new Uint32Array(handle);
    this.#mask = (this.#words.length - headerWords) / slotWords - 1;
  }

  /** An empty set with room for `ids` before it grows. */
  static create(ids = 0): FingerprintSet {
    let slots = slotsMin;
    while (slots * loadFactorMax < ids) slots *= 2;
    return new FingerprintSet(new SharedArrayBuffer((headerWords + slots * slotWords) * 4));
  }

  /** Changes when the set grows: hand the new one on. */
  get handle(): FingerprintSetHandle {
    return this.#words.buffer as SharedArrayBuffer;
  }

  get size(): number {
    return this.#words[0] as number;
  }

  get bytes(): number {
    return this.#words.byteLength;
  }

  has(w0: number, w1: number, w2: number): boolean {
    return this.#occupied(this.#find(w0, w1, w2));
  }

  /** Adds the fingerprint; answers false when it was there already. */
  add(w0: number, w1: number, w2: number): boolean {
    const at = this.#find(w0, w1, w2);
    if (this.#occupied(at)) return false;
    this.#words[at] = w0;
    this.#words[at + 1] = w1;
    this.#words[at + 2] = w2 === 0 && w0 === 0 && w1 === 0 ? 1 : w2;
    const size = (this.#words[0] as number) + 1;
    this.#words[0] = size;
    if (size > (this.#mask + 1) * loadFactorMax) this.#grow();
    return true;
  }

  clear(): void {
    this.#words.fill(0);
  }

  #occupied(at: number): boolean {
    return this.#words[at] !== 0 || this.#words[at + 1] !== 0 || this.#words[at + 2] !== 0;
  }

  /** Index of the fingerprint's slot, or of the free slot where it belongs. */
  #find(w0: number, w1: number, w2: number): number {
    const words = this.#words;
    const third = w2 === 0 && w0 === 0 && w1 === 0 ? 1 : w2;
    let slot = w0 & this.#mask;
    for (;;) {
      const at = headerWords + slot * slotWords;
      const a = words[at] as number;
      const b = words[at + 1] as number;
      const c = words[at + 2] as number;
      if ((a === w0 && b === w1 && c === third) || (a === 0 && b === 0 && c === 0)) return at;
      slot = (slot + 1) & this.#mask;
    }
  }

  #grow(): void {
    const old = this.#words;
    const slots = (this.#mask + 1) * 2;
    this.#words = new Uint32Array(new SharedArrayBuffer((headerWords + slots * slotWords) * 4));
    this.#words[0] = old[0] as number;
    this.#mask = slots - 1;
    for (let at = headerWords; at < old.length; at += slotWords) {
      const w0 = old[at] as number;
      const w1 = old[at + 1] as number;
      const w2 = old[at + 2] as number;
      if (w0 === 0 && w1 === 0 && w2 === 0) continue;
      const to = this.#find(w0, w1, w2);
      this.#words[to] = w0;
      this.#words[to + 1] = w1;
      this.#words[to + 2] = w2;
    }
  }
}
