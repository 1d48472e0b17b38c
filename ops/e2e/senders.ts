// Senders that never give up, and the truth about what they sent: what an exact platform has to answer.
import { sleep, type Installation } from "./installation.ts";

export interface SentEvent {
  event: string;
  user_id?: string;
  /** A device of one user: `device-<user>-<n>`. */
  anonymous_id?: string;
  event_id: string;
  timestamp: string;
  properties: { amount: number; step: number };
}

const names = ["page_viewed", "item_added", "order_placed", "refund_asked"];
const users = 500;
const devicesPerUser = 2;
const retryMs = 100;
const requestMsMax = 30_000;

/** Who did it, once every device of the event's request was identified. */
export function personOf({ user_id: user, anonymous_id: device }: SentEvent): string {
  return user ?? (device ?? "").replace(/^device-(\d+)-\d+$/, "user-$1");
}

/** Deterministic random numbers, so that a failed run can be repeated from its printed seed. */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

export class Senders {
  /** Every acknowledged event, once. */
  readonly acknowledged = new Map<string, SentEvent>();
  requests = 0;
  failures = 0;
  repeats = 0;
  #stopping = false;
  readonly #installation: Installation;
  readonly #seed: number;
  readonly #running: Promise<void>[] = [];

  constructor(installation: Installation, options: { senders: number; seed: number }) {
    this.#installation = installation;
    this.#seed = options.seed;
    for (let sender = 0; sender < options.senders; sender += 1) this.#running.push(this.#send(sender));
  }

  /** Waits until each sender has its last request acknowledged. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#running);
  }

  async #send(sender: number): Promise<void> {
    const random = createRandom(this.#seed * 31 + sender);
    const own: SentEvent[] = [];
    let count = 0;
    while (!this.#stopping) {
      const batch: SentEvent[] = [];
      const size = 1 + Math.floor(random() * 60);
      while (batch.length < size) {
        // Every fifth event is one that was sent before, in this or an earlier request.
        const earlier = [...batch, ...own.slice(-2_000)];
        if (random() < 0.2 && earlier.length > 0) {
          batch.push(earlier[Math.floor(random() * earlier.length)] as SentEvent);
          this.repeats += 1;
          continue;
        }
        const build = (event: string, who: Pick<SentEvent, "user_id" | "anonymous_id">): SentEvent => ({
          event,
          ...who,
          event_id: `${this.#seed}-${sender}-${(count += 1)}`,
          // Also late ones, up to 60 days back, in other months and partitions.
          timestamp: new Date(Date.now() - Math.floor(random() ** 8 * 60 * 24 * 3600 * 1000)).toISOString(),
          properties: { amount: Math.floor(random() * 1000), step: count },
        });
        const name = names[Math.floor(random() ** 2 * names.length)] as string;
        const user = Math.floor(random() * users);
        if (random() > 0.1) {
          batch.push(build(name, { user_id: `user-${user}` }));
          continue;
        }
        // A device that is identified in the same request: two partitions learn of it at once, in any order.
        const device = { anonymous_id: `device-${user}-${Math.floor(random() * devicesPerUser)}` };
        batch.push(build(name, device), build("identify", { user_id: `user-${user}`, ...device }));
      }
      await this.#deliver(batch);
      for (const event of batch) {
        if (!this.acknowledged.has(event.event_id)) own.push(event);
        this.acknowledged.set(event.event_id, event);
      }
      await sleep(random() * 20);
    }
  }

  async #deliver(batch: readonly SentEvent[]): Promise<void> {
    for (;;) {
      this.requests += 1;
      try {
        const response = await fetch(`${this.#installation.url}/v1/events`, {
          method: "POST",
          headers: {
            "content-type": "application/json",
            authorization: `Bearer ${this.#installation.keys.write}`,
          },
          body: JSON.stringify(batch),
          signal: AbortSignal.timeout(requestMsMax),
        });
        const answer = (await response.json()) as { accepted?: number };
        if (response.status === 202 && answer.accepted === batch.length) return;
        if (response.status < 429) throw new Error(`answered ${response.status} ${JSON.stringify(answer)}`);
      } catch (error) {
        if (error instanceof Error && error.message.startsWith("answered")) throw error;
        // Refused, reset or timed out: the sender cannot know whether it counted, so it sends again.
      }
      this.failures += 1;
      await sleep(retryMs);
    }
  }
}
