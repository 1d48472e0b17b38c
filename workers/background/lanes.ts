// The loop of all work that nobody waits for: a few lanes, each claiming the piece that is due the longest and doing
// it. Any number of worker processes do this at once; claims in the relational store keep them apart.
import type { Logger } from "#ops/runtime/log.ts";

/** How often an idle process looks for something that is due. */
const idleMsDefault = 1_000;

export interface LanesOptions<Claim> {
  /** Pieces of one process at once. */
  readonly lanes: number;
  /** Answers undefined when nothing is due. */
  readonly claim: (signal: AbortSignal) => Promise<Claim | undefined>;
  /**
   * Does the piece and writes down how it ended, also when it failed: what is thrown from here means that not even
   * that was possible, and the piece comes back when its lease ends.
   */
  readonly work: (claim: Claim, signal: AbortSignal) => Promise<void>;
  /** Said in the log when `claim` or `work` throws. */
  readonly trouble: string;
  readonly idleMs?: number;
  readonly log: Logger;
}

export class Lanes<Claim> {
  readonly #options: LanesOptions<Claim>;
  readonly #stopping = new AbortController();
  #running: Promise<void>[] = [];
  #wake = Promise.withResolvers<void>();
  /** One idle lane looks from time to time, the others wait until there is something. */
  #someoneLooks = false;

  constructor(options: LanesOptions<Claim>) {
    this.#options = options;
  }

  start(): void {
    this.#running = Array.from({ length: this.#options.lanes }, () => this.#run());
  }

  /** There is something new: idle lanes look at once. */
  wake(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers<void>();
  }

  /** Aborts the signal of the work under way and waits for it. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.wake();
    await Promise.all(this.#running);
  }

  /** Over after `ms`, or at once when the lanes stop. */
  async rest(ms: number): Promise<void> {
    const { signal } = this.#stopping;
    if (signal.aborted) return;
    await new Promise<void>((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      signal.addEventListener("abort", end, { once: true });
    });
  }

  async #run(): Promise<void> {
    const { claim, work, trouble, log } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const woken = this.#wake.promise;
      try {
        const claimed = await claim(signal);
        if (claimed === undefined) {
          await this.#idle(woken);
        } else {
          // Where one piece is due there may be more.
          this.wake();
          await work(claimed, signal);
        }
      } catch (error) {
        if (signal.aborted) return;
        log.warn({ err: error }, trouble);
        await this.#idle(woken);
      }
    }
  }

  async #idle(woken: Promise<void>): Promise<void> {
    if (this.#someoneLooks) return woken;
    this.#someoneLooks = true;
    await Promise.race([woken, this.rest(this.#options.idleMs ?? idleMsDefault)]);
    this.#someoneLooks = false;
  }
}
