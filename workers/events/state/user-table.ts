// User key -> dense user number, with the user's current session, in shared memory: open addressing, 24 bytes
// a slot [three fingerprint words, number + 1, last activity, session start] (times in epoch seconds).
// The relational store holds the truth; this is its image for the users of one partition.

const headerWords = 4;
const slotWords = 6;
const slotsMin = 1024;
const loadFactorMax = 0.7;

const numberAt = 3;
const lastActivityAt = 4;
const sessionStartAt = 5;

export type UserTableHandle = SharedArrayBuffer;

export class UserTable {
  #words: Uint32Array;
  #mask: number;

  constructor(handle: UserTableHandle) {
    this.#words = new Uint32Array(handle);
    this.#mask = (this.#words.length - headerWords) / slotWords - 1;
  }

  static create(users = 0): UserTable {
    let slots = slotsMin;
    while (slots * loadFactorMax < users) slots *= 2;
    return new UserTable(new SharedArrayBuffer((headerWords + slots * slotWords) * 4));
  }

  /** Changes when the table grows: hand the new one on. */
  get handle(): UserTableHandle {
    return this.#words.buffer as SharedArrayBuffer;
  }

  get size(): number {
    return this.#words[0] as number;
  }

  get bytes(): number {
    return this.#words.byteLength;
  }

  /** The user's number, or -1 when the user is not known. */
  numberOf(w0: number, w1: number, w2: number): number {
    return (this.#words[this.#find(w0, w1, w2) + numberAt] as number) - 1;
  }

  /** Sets the user's number (0..2^32-2). */
  set(w0: number, w1: number, w2: number, userNumber: number): void {
    const at = this.#find(w0, w1, w2);
    const isNew = this.#words[at + numberAt] === 0;
    this.#words[at] = w0;
    this.#words[at + 1] = w1;
    this.#words[at + 2] = w2;
    this.#words[at + numberAt] = userNumber + 1;
    if (!isNew) return;
    const size = (this.#words[0] as number) + 1;
    this.#words[0] = size;
    if (size > (this.#mask + 1) * loadFactorMax) this.#grow();
  }

  /** Forgets the user; answers false when it was not known. */
  remove(w0: number, w1: number, w2: number): boolean {
    const words = this.#words;
    let free = this.#find(w0, w1, w2);
    if (words[free + numberAt] === 0) return false;
    words[0] = (words[0] as number) - 1;
    // Whoever was pushed behind the slot that becomes free moves into it: a search ends at the first free slot.
    let slot = (free - headerWords) / slotWords;
    for (;;) {
      slot = (slot + 1) & this.#mask;
      const at = headerWords + slot * slotWords;
      if (words[at + numberAt] === 0) break;
      const home = (words[at] as number) & this.#mask;
      const freeSlot = (free - headerWords) / slotWords;
      if (((slot - home) & this.#mask) < ((slot - freeSlot) & this.#mask)) continue;
      words.copyWithin(free, at, at + slotWords);
      free = at;
    }
    words.fill(0, free, free + slotWords);
    return true;
  }

  /**
   * The start (epoch seconds) of the session to which activity at `atSeconds` belongs; a session ends after
   * `idleSeconds` without activity. An event from before the session's idle range is a session of its own.
   */
  touchSession(w0: number, w1: number, w2: number, atSeconds: number, idleSeconds: number): number {
    const at = this.#find(w0, w1, w2);
    // A free slot must stay free: who is not in the table has no session here.
    if (this.#words[at + numberAt] === 0) return atSeconds;
    const last = this.#words[at + lastActivityAt] as number;
    const start = this.#words[at + sessionStartAt] as number;
    if (last === 0 || atSeconds > last + idleSeconds) {
      this.#words[at + lastActivityAt] = atSeconds;
      this.#words[at + sessionStartAt] = atSeconds;
      return atSeconds;
    }
    if (atSeconds < start - idleSeconds) return atSeconds;
    if (atSeconds > last) this.#words[at + lastActivityAt] = atSeconds;
    return start;
  }

  /** Restores a session that was current when the state was lost. */
  restoreSession(w0: number, w1: number, w2: number, lastSeconds: number, startSeconds: number): void {
    const at = this.#find(w0, w1, w2);
    if (this.#words[at + numberAt] === 0) return;
    this.#words[at + lastActivityAt] = lastSeconds;
    this.#words[at + sessionStartAt] = startSeconds;
  }

  /** Index of the user's slot, or of the free slot where it belongs. A slot is free while its number is 0. */
  #find(w0: number, w1: number, w2: number): number {
    const words = this.#words;
    let slot = w0 & this.#mask;
    for (;;) {
      const at = headerWords + slot * slotWords;
      if (words[at + numberAt] === 0) return at;
      if (words[at] === w0 && words[at + 1] === w1 && words[at + 2] === w2) return at;
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
      if (old[at + numberAt] === 0) continue;
      const to = this.#find(old[at] as number, old[at + 1] as number, old[at + 2] as number);
      for (let word = 0; word < slotWords; word += 1) this.#words[to + word] = old[at + word] as number;
    }
  }
}
