// A map of strings that forgets its oldest entries. First in, first out: a hit changes nothing, which makes it
// three times cheaper than keeping the order of use, and the agents that matter come back at once.

export class BoundedCache<Value> {
  readonly #entriesMax: number;
  readonly #entries = new Map<string, Value>();

  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): Value | undefined {
    return this.#entries.get(key);
  }

  set(key: string, value: Value): void {
    if (this.#entries.size >= this.#entriesMax && !this.#entries.has(key)) {
      for (const oldest of this.#entries.keys()) {
        this.#entries.delete(oldest);
        break;
      }
    }
    // A key is often a slice of an event's text; kept as it is, it would keep the whole text alive.
    this.#entries.set(Buffer.from(key).toString(), value);
  }
}
