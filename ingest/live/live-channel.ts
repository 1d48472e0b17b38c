// The listeners of one project on this edge, by what they want; takes what workers tell and passes it on.
import { hash } from "node:crypto";
import { MillraceError } from "#schemas/errors.ts";
import { liveLimits, type LiveFilter } from "#schemas/live/live-filter.ts";
import { decodeLiveMessage, type LiveInterest } from "#schemas/live/live-messages.ts";
import { LiveBatch, type LiveNote, type LiveSink } from "./live-sink.ts";
import { SecondCounts } from "./second-counts.ts";

export interface Listener {
  readonly sink: LiveSink;
  /** Undefined: the counters. */
  readonly filterId: string | undefined;
  /** False when the key that opened it opens nothing any more. */
  readonly mayListen: () => Promise<boolean>;
  /** Told nothing before it is. */
  isOpen: boolean;
}

export class LiveChannel {
  readonly #projectId: number;
  readonly #listeners = new Set<Listener>();
  readonly #filters = new Map<string, { filter: LiveFilter; listeners: Set<Listener> }>();
  readonly #counting = new Set<Listener>();
  readonly #counts = new SecondCounts();

  constructor(projectId: number) {
    this.#projectId = projectId;
  }

  get listeners(): Listener[] {
    return [...this.#listeners];
  }

  get size(): number {
    return this.#listeners.size;
  }

  get isEmpty(): boolean {
    return this.size === 0;
  }

  has(listener: Listener): boolean {
    return this.#listeners.has(listener);
  }

  /** What the edge announces. */
  get interest(): LiveInterest {
    return {
      projectId: this.#projectId,
      filters: Object.fromEntries([...this.#filters].map(([id, { filter }]) => [id, filter])),
      counters: this.#counting.size > 0,
    };
  }

  /** `isNew`: the workers do not know yet that this is wanted. Throws TOO_MANY_LISTENERS. */
  add(
    want: LiveFilter | "counters",
    options: Pick<Listener, "sink" | "mayListen">,
  ): { listener: Listener; isNew: boolean } {
    const filterId = want === "counters" ? undefined : idOf(want);
    const listener: Listener = { ...options, filterId, isOpen: false };
    if (want === "counters") {
      this.#listeners.add(listener);
      this.#counting.add(listener);
      return { listener, isNew: this.#counting.size === 1 };
    }
    const id = filterId as string;
    const known = this.#filters.get(id);
    if (known !== undefined) {
      this.#listeners.add(listener);
      known.listeners.add(listener);
      return { listener, isNew: false };
    }
    if (this.#filters.size >= liveLimits.filtersMax) {
      throw new MillraceError("TOO_MANY_LISTENERS", {
        message: `The project is listened to with ${liveLimits.filtersMax} different filters already.`,
      });
    }
    this.#listeners.add(listener);
    this.#filters.set(id, { filter: want, listeners: new Set([listener]) });
    return { listener, isNew: true };
  }

  /** Answers true when something is not wanted any more. */
  remove(listener: Listener): boolean {
    this.#listeners.delete(listener);
    if (listener.filterId === undefined) {
      return this.#counting.delete(listener) && this.#counting.size === 0;
    }
    const known = this.#filters.get(listener.filterId);
    if (known?.listeners.delete(listener) !== true || known.listeners.size > 0) return false;
    return this.#filters.delete(listener.filterId);
  }

  /** One message of a worker. */
  take(text: string): void {
    const { header, lines } = decodeLiveMessage(text);
    if (header.counts !== undefined && this.#counting.size > 0) this.#counts.add(header.counts);
    // Lines name filters by position: one split for each different list of positions.
    const positions = new Map<string, number[]>();
    const events = header.filters.map((): string[] => []);
    for (const line of lines) {
      let takers = positions.get(line.filters);
      if (takers === undefined) positions.set(line.filters, (takers = line.filters.split(",").map(Number)));
      for (const taker of takers) events[taker]?.push(line.event);
    }
    header.filters.forEach((id, position) => {
      const known = this.#filters.get(id);
      const own = events[position] ?? [];
      if (known === undefined) return;
      const skipped = header.skipped?.[id] ?? 0;
      const batch = new LiveBatch(own);
      for (const listener of [...known.listeners]) {
        if (!listener.isOpen) continue;
        if (own.length > 0) listener.sink.tell(batch);
        if (skipped > 0) listener.sink.note({ type: "skipped", data: { events: skipped } });
      }
    });
  }

  /** To be called once a second. */
  tick(at: Date): void {
    if (this.#counting.size === 0) return;
    const note: LiveNote = { type: "counters", data: this.#counts.take(at) };
    for (const listener of [...this.#counting]) if (listener.isOpen) listener.sink.note(note);
  }
}

/** The same for the same filter on every edge: workers try it once. */
function idOf({ events, user, filters }: LiveFilter): string {
  const text = JSON.stringify([events.toSorted(), user, filters]);
  return hash("sha256", text, "base64url").slice(0, 16);
}
