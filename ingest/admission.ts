// Whether a request's events can be taken at all, decided before its body: the log must take them, and the workers
// must keep up. What is refused here was never half taken.
import { MillraceError } from "#schemas/errors.ts";
import type { Publisher } from "#streams/publisher.ts";
import type { StatusBoard, WorkersStatus } from "#streams/status.ts";

const readMs = 500;
/** The status of a process that was not heard for this long says nothing about now. */
const statusAgeMsMax = 30_000;
const retrySecondsMax = 60;
/** Without a worker that says how far behind it is, nothing is slowed. */
const paceStatusAgeMsMax = 3_000;
/**
 * Answers are slowed when events wait longer than this to be stored, by so much for every second more. Senders in
 * a closed loop then settle at what the workers store (measured: 114,000 events/s with the store 3 s behind
 * instead of 150,000 acknowledged and ever further behind), and events stay visible within 5 s.
 */
const paceFromLagMs = 2_000;
const paceMsPerSecond = 50;
const paceMsMax = 300;

/** How long confirmations are held back while the oldest event that is not stored is `lagMs` old. */
export function decidePaceMs(lagMs: number): number {
  return Math.min(paceMsMax, Math.max(0, Math.round(((lagMs - paceFromLagMs) / 1000) * paceMsPerSecond)));
}

export class Admission {
  readonly #publisher: Publisher;
  readonly #board: StatusBoard;
  readonly #lagEventsMax: number;
  readonly #timer: NodeJS.Timeout;
  #pendingEvents = 0;
  #drainedPerSecond = 0;
  #readAtMs = 0;
  #behind: MillraceError | undefined;

  constructor(options: { publisher: Publisher; board: StatusBoard; lagEventsMax: number }) {
    this.#publisher = options.publisher;
    this.#board = options.board;
    this.#lagEventsMax = options.lagEventsMax;
    this.#timer = setInterval(() => this.#readLag(), readMs);
  }

  /** Events that wait to be stored, as the workers estimate. */
  get pendingEvents(): number {
    return this.#pendingEvents;
  }

  /** Undefined when a request of `bytes` may come in. */
  refusal(bytes: number): MillraceError | undefined {
    return this.#behind ?? this.#publisher.refusal(bytes);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #readLag(): void {
    const pendingOf = new Map<number, number>();
    let lagMs = 0;
    for (const entry of this.#board.entries("workers")) {
      if (entry.ageMs > statusAgeMsMax) continue;
      const { partitions } = entry.status as WorkersStatus;
      for (const { partition, pendingEvents, lagMs: partitionLagMs } of partitions ?? []) {
        if (entry.ageMs <= paceStatusAgeMsMax) lagMs = Math.max(lagMs, partitionLagMs);
        pendingOf.set(partition, Math.max(pendingOf.get(partition) ?? 0, pendingEvents));
      }
    }
    this.#publisher.pace(decidePaceMs(lagMs));
    let pending = 0;
    for (const events of pendingOf.values()) pending += events;
    const nowMs = Date.now();
    const elapsedSeconds = (nowMs - this.#readAtMs) / 1000;
    if (this.#readAtMs > 0) {
      const drained = (this.#pendingEvents - pending) / elapsedSeconds;
      this.#drainedPerSecond = this.#drainedPerSecond * 0.8 + Math.max(0, drained) * 0.2;
    }
    this.#readAtMs = nowMs;
    this.#pendingEvents = pending;
    this.#behind = pending > this.#lagEventsMax ? this.#behindError(pending) : undefined;
  }

  /** Retry-After is the time until the surplus is stored at the rate of the last seconds. */
  #behindError(pending: number): MillraceError {
    const seconds = (pending - this.#lagEventsMax) / Math.max(1, this.#drainedPerSecond);
    return new MillraceError("BEHIND", {
      retryAfterSeconds: Math.min(retrySecondsMax, Math.max(1, Math.ceil(seconds))),
    });
  }
}
