// Adds up what batches of all partitions brought in one second.
import type { LiveCount } from "#schemas/live/live-messages.ts";

/** Names that are counted on their own; further ones are counted together. */
const namesMax = 1_000;
const others = "$other";

interface Count {
  events: number;
  readonly users: Set<number>;
}

export class SecondCounts {
  #names = new Map<string, Count>();

  add(counts: readonly LiveCount[]): void {
    for (const { event, events, users } of counts) {
      const name = this.#names.has(event) || this.#names.size < namesMax ? event : others;
      let count = this.#names.get(name);
      if (count === undefined) this.#names.set(name, (count = { events: 0, users: new Set() }));
      count.events += events;
      for (const user of users) count.users.add(user);
    }
  }

  /** The second that ends now, the most frequent names first; begins the next one. */
  take(at: Date): object {
    const names = [...this.#names];
    this.#names = new Map();
    const everybody = new Set<number>();
    for (const [, { users }] of names) for (const user of users) everybody.add(user);
    return {
      at: at.toISOString(),
      events: names.reduce((sum, [, { events }]) => sum + events, 0),
      users: everybody.size,
      by_event: names
        .map(([event, { events, users }]) => ({ event, events, users: users.size }))
        .toSorted((a, b) => b.events - a.events || (a.event < b.event ? -1 : 1)),
    };
  }
}
