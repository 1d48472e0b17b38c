// Takes events from the queue to the platform, one request at a time and in order, until they are accepted or
// refused for good. What fails is tried again with the same ids: nothing is lost, and nothing counts twice.
import type { EventQueue, QueuedEvent } from "./event-queue.ts";
import { sendBatch, type SendOptions, type SendOutcome } from "./send-batch.ts";

const retryMsMin = 250;
/** A wait that the platform asks for is kept, up to this. */
const retryAfterMsMax = 15 * 60_000;
/** Of the number of events of one request after one was taken, when it was made smaller before. */
const growth = 1.25;
/** Browsers take this much of a page that is left, of all requests together. */
const leavingBytesMax = 60_000;

export interface DeliveryOptions extends Omit<SendOptions, "signal" | "keepalive"> {
  readonly queue: EventQueue;
  readonly batchEvents: number;
  readonly batchBytes: number;
  readonly flushEveryMs: number;
  readonly retryMsMax: number;
  readonly onAccepted: (events: number) => void;
  readonly onRejected: (event: QueuedEvent, code: string, message: string) => void;
  readonly onRetry: (reason: string, waitMs: number) => void;
}

export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #stopped = new AbortController();
  /** Whoever waits for the next request to be over. */
  #waiting: (() => void)[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #dueMs = 0;
  #isSending = false;
  #failures = 0;
  /** Nothing is sent before. */
  #notBeforeMs = 0;
  /** Smaller after a request was too large, until one was taken. */
  #batchEvents: number;

  constructor(options: DeliveryOptions) {
    this.#options = options;
    this.#batchEvents = options.batchEvents;
  }

  /** An event was added. */
  notice(): void {
    const { queue, batchEvents, batchBytes, flushEveryMs } = this.#options;
    const isFull = queue.size >= batchEvents || queue.bytes >= batchBytes;
    this.#schedule(isFull ? 0 : flushEveryMs);
  }

  /** Sends what waits now; resolves when all of that is done with, when it is stopped, or after `msMax`. */
  async flush(msMax: number): Promise<void> {
    const { queue } = this.#options;
    const until = queue.added;
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      this.#wake();
    }, msMax);
    while (queue.removed < until && !isLate && !this.#stopped.signal.aborted) {
      this.#schedule(0);
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    }
    clearTimeout(timer);
  }

  /** Sends nothing more. */
  stop(): void {
    this.#stopped.abort();
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#wake();
  }

  /**
   * The page is left: as much as browsers take goes out now, without waiting for answers. It stays in the queue: when
   * the page comes back, or another one takes over what was kept, it is sent again and counts once.
   */
  leave(): void {
    if (this.#options.queue.size === 0) return;
    const events = this.#options.queue.peek({ events: this.#options.batchEvents, bytes: leavingBytesMax });
    const options = { ...this.#options, signal: new AbortController().signal, keepalive: true };
    void sendBatch(events, options);
  }

  #schedule(waitMs: number): void {
    if (this.#isSending || this.#stopped.signal.aborted || this.#options.queue.size === 0) return;
    const nowMs = Date.now();
    const dueMs = Math.max(nowMs + waitMs, this.#notBeforeMs);
    if (this.#timer !== undefined) {
      if (dueMs >= this.#dueMs) return;
      clearTimeout(this.#timer);
    }
    this.#dueMs = dueMs;
    this.#timer = setTimeout(() => void this.#send(), dueMs - nowMs);
    // Waiting events keep no process alive: `close` and `flushOnExit` do, where that is wanted.
    (this.#timer as { unref?: () => void }).unref?.();
  }

  async #send(): Promise<void> {
    this.#timer = undefined;
    const { queue, batchBytes } = this.#options;
    this.#isSending = true;
    const events = queue.take({ events: this.#batchEvents, bytes: batchBytes });
    const outcome = await sendBatch(events, { ...this.#options, signal: this.#stopped.signal });
    this.#isSending = false;
    if (this.#stopped.signal.aborted && outcome.kind === "again") {
      queue.settle(0);
      return;
    }
    this.#settle(events, outcome);
    this.notice();
    this.#wake();
  }

  #settle(events: readonly QueuedEvent[], outcome: SendOutcome): void {
    const { queue, onAccepted, onRejected } = this.#options;
    switch (outcome.kind) {
      case "taken":
        this.#failures = 0;
        this.#batchEvents = Math.min(this.#options.batchEvents, Math.ceil(this.#batchEvents * growth));
        queue.settle(events.length);
        onAccepted(events.length - outcome.rejected.length);
        for (const { index, code, message } of outcome.rejected) {
          const event = events[index];
          if (event !== undefined) onRejected(event, code, message);
        }
        return;
      case "too-large":
        if (events.length > 1) {
          this.#batchEvents = Math.ceil(events.length / 2);
          queue.settle(0);
          return;
        }
        this.#refuse(events, "BODY_TOO_LARGE", "The event alone is larger than a request may be.");
        return;
      case "refused":
        // One of them may be the reason: the others are not refused with it.
        if (events.length > 1) {
          this.#batchEvents = Math.ceil(events.length / 2);
          queue.settle(0);
          return;
        }
        this.#refuse(events, outcome.code, outcome.message);
        return;
      case "again":
        queue.settle(0);
        this.#wait(outcome.reason, outcome.retryAfterMs);
    }
  }

  #refuse(events: readonly QueuedEvent[], code: string, message: string): void {
    this.#options.queue.settle(events.length);
    for (const event of events) this.#options.onRejected(event, code, message);
  }

  /** Twice as long after each failure, with some chance in it, so that not all clients come back at once. */
  #wait(reason: string, retryAfterMs: number | undefined): void {
    this.#failures += 1;
    const grownMs = Math.min(this.#options.retryMsMax, retryMsMin * 2 ** Math.min(this.#failures - 1, 20));
    const ownMs = grownMs * (0.5 + Math.random() / 2);
    const waitMs = Math.round(Math.max(ownMs, Math.min(retryAfterMs ?? 0, retryAfterMsMax)));
    this.#notBeforeMs = Date.now() + waitMs;
    this.#options.onRetry(reason, waitMs);
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}
