// What a process holds of kept days, within a budget; the least recently used goes first. Everything in it is named by
// generations, so nothing in it grows old.

/** Of one process, for all definitions together. */
const bytesMaxDefault = 512 * 1024 * 1024;
/** What an entry takes beside its numbers. */
const entryBytes = 1000;

interface Entry {
  readonly value: unknown;
  readonly bytes: number;
}

export class Memory {
  readonly #entries = new Map<string, Entry>();
  readonly #making = new Map<string, Promise<unknown>>();
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax: number = bytesMaxDefault) {
    this.#bytesMax = bytesMax;
  }

  /** What was set under the name; the caller knows what that is. */
  get<T>(key: string): T | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.value as T;
  }

  set(key: string, value: unknown, bytes: number): void {
    this.#bytes += bytes + entryBytes - (this.#entries.get(key)?.bytes ?? 0);
    this.#entries.delete(key);
    this.#entries.set(key, { value, bytes: bytes + entryBytes });
    for (const [oldest, held] of this.#entries) {
      if (this.#bytes <= this.#bytesMax) return;
      this.#entries.delete(oldest);
      this.#bytes -= held.bytes;
    }
  }

  /** Made once, however many ask for it meanwhile. */
  async getOrMake<T>(key: string, make: () => Promise<T>, bytesOf: (value: T) => number): Promise<T> {
    for (let underWay = this.#making.get(key); underWay !== undefined; underWay = this.#making.get(key)) {
      // Whoever makes it may leave: then the next one does.
      const made = await underWay.catch(() => undefined);
      if (made !== undefined) return made as T;
    }
    const known = this.get<T>(key);
    if (known !== undefined) return known;
    const making = make();
    this.#making.set(key, making);
    try {
      const made = await making;
      this.set(key, made, bytesOf(made));
      return made;
    } finally {
      this.#making.delete(key);
    }
  }
}
