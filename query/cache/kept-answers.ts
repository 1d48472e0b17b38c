// Answers as text in this process's memory: the least recently used go first when the bytes are used up.

/** Engines keep a character in one or two bytes, and an entry costs something itself. */
const bytesOfCharacter = 2;
const bytesOfEntry = 500;

interface Kept {
  readonly text: string;
  readonly untilMs: number;
}

export class KeptAnswers {
  readonly #bytesMax: number;
  readonly #now: () => number;
  readonly #kept = new Map<string, Kept>();
  #bytes = 0;

  constructor(options: { bytesMax: number; now?: () => number }) {
    this.#bytesMax = options.bytesMax;
    this.#now = options.now ?? Date.now;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get size(): number {
    return this.#kept.size;
  }

  get(name: string): string | undefined {
    const kept = this.#kept.get(name);
    if (kept === undefined) return undefined;
    this.#kept.delete(name);
    if (kept.untilMs <= this.#now()) {
      this.#bytes -= bytesOf(kept.text);
      return undefined;
    }
    this.#kept.set(name, kept);
    return kept.text;
  }

  set(name: string, text: string, keepMs: number): void {
    this.delete(name);
    const bytes = bytesOf(text);
    // One answer does not push out all others.
    if (bytes > this.#bytesMax / 8) return;
    this.#kept.set(name, { text, untilMs: this.#now() + keepMs });
    this.#bytes += bytes;
    for (const [oldest] of this.#kept) {
      if (this.#bytes <= this.#bytesMax) break;
      this.delete(oldest);
    }
  }

  delete(name: string): void {
    const kept = this.#kept.get(name);
    if (kept === undefined) return;
    this.#kept.delete(name);
    this.#bytes -= bytesOf(kept.text);
  }
}

function bytesOf(text: string): number {
  return text.length * bytesOfCharacter + bytesOfEntry;
}
