// Events stored a second, from the counters that workers publish: two readings about ten seconds apart.
import type { StatusBoard, WorkersStatus } from "#streams/status.ts";

const sampleMs = 1_000;
const windowMs = 10_000;

interface Sample {
  readonly atMs: number;
  /** Counters by instance: a restarted process begins again at 0 and must not count backwards. */
  readonly stored: ReadonlyMap<string, number>;
}

export class Throughput {
  readonly #board: StatusBoard;
  readonly #samples: Sample[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(board: StatusBoard) {
    this.#board = board;
    this.#timer = setInterval(() => this.#sample(), sampleMs);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  read(): { events_stored_per_second: number | null; window_seconds: number } {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || first === last) {
      return { events_stored_per_second: null, window_seconds: 0 };
    }
    const seconds = (last.atMs - first.atMs) / 1000;
    let stored = 0;
    for (const [instance, count] of last.stored) {
      const before = first.stored.get(instance) ?? count;
      stored += count >= before ? count - before : count;
    }
    return {
      events_stored_per_second: Math.round((stored / seconds) * 10) / 10,
      window_seconds: Math.round(seconds * 10) / 10,
    };
  }

  #sample(): void {
    const atMs = performance.now();
    const stored = new Map(
      this.#board
        .entries("workers")
        .map((entry) => [entry.instance, (entry.status as unknown as WorkersStatus).eventsStored ?? 0]),
    );
    this.#samples.push({ atMs, stored });
    while ((this.#samples[0]?.atMs ?? atMs) < atMs - windowMs) this.#samples.shift();
  }
}
