// Keeps events and ids in a browser's localStorage. Each page keeps its own list under a name of its own; lists
// whose page has not been heard of for a while are taken over by whoever starts next. Two pages that take over the
// same list at once send the same ids: they count once.
import type { EventStorage } from "./event-storage.ts";

/** The part of localStorage that is used. */
export interface WebStorage {
  readonly length: number;
  key(index: number): string | null;
  getItem(name: string): string | null;
  setItem(name: string, value: string): void;
  removeItem(name: string): void;
}

/** Writing is put off so long: a page that tracks a lot does not write for each event. */
const writeEveryMs = 250;
const beatEveryMs = 2_000;
/** A page that has not been heard of for so long is gone; timers of hidden pages run once a minute. */
const goneAfterMs = 70_000;

export class LocalStorage implements EventStorage {
  readonly #storage: WebStorage;
  readonly #prefix: string;
  readonly #listName: string;
  readonly #beatName: string;
  readonly #now: () => number;
  #events: readonly string[] = [];
  #added: string[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #beat: ReturnType<typeof setInterval>;

  /** Clients with another `scope` (another platform, another key) see nothing of each other. */
  constructor(options: { storage: WebStorage; scope: string; page: string; now?: () => number }) {
    this.#storage = options.storage;
    this.#now = options.now ?? Date.now;
    this.#prefix = `millrace:${shortHash(options.scope)}:`;
    this.#listName = `${this.#prefix}events:${options.page}`;
    this.#beatName = `${this.#prefix}alive:${options.page}`;
    this.#beat = setInterval(() => this.#sayAlive(), beatEveryMs);
    (this.#beat as { unref?: () => void }).unref?.();
  }

  load(): string[] {
    const found: string[] = [];
    this.#attempt(() => {
      const names = Array.from({ length: this.#storage.length }, (_, index) => this.#storage.key(index));
      for (const name of names) {
        if (name === null || !name.startsWith(`${this.#prefix}events:`) || name === this.#listName) continue;
        const beatName = name.replace(":events:", ":alive:");
        if (Number(this.#storage.getItem(beatName)) > this.#now() - goneAfterMs) continue;
        found.push(...readList(this.#storage.getItem(name)));
        this.#storage.removeItem(name);
        this.#storage.removeItem(beatName);
      }
    });
    this.#events = found;
    this.write();
    return found;
  }

  add(event: string): void {
    this.#added.push(event);
    this.#timer ??= setTimeout(() => this.write(), writeEveryMs);
  }

  keep(events: () => readonly string[]): void {
    this.#events = events();
    this.#added = [];
    this.#timer ??= setTimeout(() => this.write(), writeEveryMs);
  }

  /** Now: the page may be gone in a moment. */
  write(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#events = [...this.#events, ...this.#added];
    this.#added = [];
    this.#attempt(() => {
      if (this.#events.length === 0) {
        this.#storage.removeItem(this.#listName);
        this.#storage.removeItem(this.#beatName);
      } else {
        this.#storage.setItem(this.#listName, JSON.stringify(this.#events));
        this.#sayAlive();
      }
    });
  }

  readWord(name: string): string | undefined {
    return this.#attempt(() => this.#storage.getItem(this.#prefix + name)) ?? undefined;
  }

  writeWord(name: string, value: string | undefined): void {
    this.#attempt(() => {
      if (value === undefined) this.#storage.removeItem(this.#prefix + name);
      else this.#storage.setItem(this.#prefix + name, value);
    });
  }

  close(): void {
    this.write();
    clearInterval(this.#beat);
    // Whoever starts next takes over at once.
    this.#attempt(() => this.#storage.removeItem(this.#beatName));
  }

  #sayAlive(): void {
    if (this.#events.length === 0) return;
    this.#attempt(() => this.#storage.setItem(this.#beatName, String(this.#now())));
  }

  /** Storage that is full or forbidden keeps less; it stops nothing. */
  #attempt<T>(action: () => T): T | undefined {
    try {
      return action();
    } catch {
      return undefined;
    }
  }
}

/** Short, and not the key itself (FNV-1a). */
function shortHash(text: string): string {
  let hash = 0x811c9dc5;
  for (const character of text) {
    hash = Math.imul(hash ^ (character.codePointAt(0) as number), 0x01000193) >>> 0;
  }
  return hash.toString(36);
}

function readList(text: string | null): string[] {
  try {
    const list: unknown = JSON.parse(text ?? "[]");
    return Array.isArray(list) ? list.filter((event) => typeof event === "string") : [];
  } catch {
    return [];
  }
}
