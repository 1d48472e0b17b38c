// Reads one partition of the log in order, from a sequence its owner kept itself.
// An ephemeral consumer without acknowledgements: the owner's committed sequence in the relational store is
// the position, so a takeover starts at once instead of waiting for another consumer's unacknowledged messages.
import { AckPolicy, DeliverPolicy, jetstreamManager, ReplayPolicy } from "@nats-io/jetstream";
import {
  createInbox,
  headers,
  nanos,
  type Msg,
  type NatsConnection,
  type Subscription,
} from "@nats-io/transport-node";
import { handedOverHeader, schemaHeader } from "#schemas/events/block.ts";
import type { Logger } from "#ops/runtime/log.ts";
import { eventsStream, eventSubject } from "./catalogue.ts";

export interface BlockMessage {
  /** Sequence in the stream. */
  sequence: number;
  /** Epoch milliseconds at which the log took the block. */
  storedAtMs: number;
  fingerprint: string;
  /** Epoch milliseconds at which its events were handed over, when they came in later; "" otherwise. */
  handedOver: string;
  data: Uint8Array;
}

/** Bytes asked for at once. Pulling by bytes reads 6,500 blocks of 64 KB a second, by messages 190. */
const pullBytesMax = 6 * 1024 * 1024;
const pullMessagesMax = 10_000;
/** Blocks held here before the next pull waits for `take`. */
const bufferBytesMax = 8 * 1024 * 1024;
const pullExpiresMs = 10_000;
const heartbeatMs = 1_000;
/** Silence after which the consumer is taken for lost (its server died) and made anew. */
const silenceMsMax = 3_500;
const inactiveMs = 60_000;
const retryMs = 250;

export class PartitionReader {
  readonly #connection: NatsConnection;
  readonly #partition: number;
  readonly #log: Logger;
  #nextSequence: number;
  #buffer: BlockMessage[] = [];
  #bufferBytes = 0;
  #pending = 0;
  #consumer = "";
  #consumerSequence = 0;
  #subscription: Subscription | undefined;
  #pulling = false;
  #heardAtMs = 0;
  #wake: (() => void) | undefined;
  #watch: NodeJS.Timeout | undefined;
  #stopped = false;
  #opening = false;

  constructor(options: { connection: NatsConnection; partition: number; fromSequence: number; log: Logger }) {
    this.#connection = options.connection;
    this.#partition = options.partition;
    this.#nextSequence = options.fromSequence;
    this.#log = options.log;
  }

  start(): void {
    void this.#open();
    this.#watch = setInterval(() => {
      if (this.#pulling && Date.now() - this.#heardAtMs > silenceMsMax) void this.#open();
    }, heartbeatMs);
  }

  /** Blocks of this partition that the log holds beyond those already delivered here. */
  get pendingBlocks(): number {
    return this.#pending + this.#buffer.length;
  }

  get bufferedBytes(): number {
    return this.#bufferBytes;
  }

  /** When the oldest buffered block was stored, or undefined when nothing waits. */
  get oldestStoredAtMs(): number | undefined {
    return this.#buffer[0]?.storedAtMs;
  }

  /** Resolves when at least one block is buffered, the time is over, or the reader is stopped. */
  async wait(msMax: number): Promise<void> {
    if (this.#buffer.length > 0 || this.#stopped) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(done, msMax);
      function done(): void {
        clearTimeout(timer);
        resolve();
      }
      this.#wake = done;
    });
    this.#wake = undefined;
  }

  /** Takes buffered blocks in order, at least one and at most about `bytesMax`. */
  take(bytesMax: number): BlockMessage[] {
    let bytes = 0;
    let count = 0;
    while (count < this.#buffer.length) {
      bytes += (this.#buffer[count] as BlockMessage).data.length;
      if (count > 0 && bytes > bytesMax) break;
      count += 1;
    }
    const taken = this.#buffer.splice(0, count);
    for (const block of taken) this.#bufferBytes -= block.data.length;
    if (!this.#pulling && this.#consumer !== "") this.#pull();
    return taken;
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#watch);
    this.#subscription?.unsubscribe();
    this.#wake?.();
    const consumer = this.#consumer;
    if (consumer === "" || this.#connection.isClosed()) return;
    // Best effort: an abandoned consumer ends by itself after its inactive threshold.
    void jetstreamManager(this.#connection, { checkAPI: false })
      .then((manager) => manager.consumers.delete(eventsStream, consumer))
      .catch(() => {});
  }

  async #open(): Promise<void> {
    if (this.#opening || this.#stopped) return;
    this.#opening = true;
    this.#pulling = false;
    this.#subscription?.unsubscribe();
    while (!this.#stopped) {
      try {
        const manager = await jetstreamManager(this.#connection, { checkAPI: false });
        const info = await manager.consumers.add(eventsStream, {
          name: `partition-${this.#partition}-${crypto.randomUUID()}`,
          filter_subject: eventSubject(this.#partition),
          deliver_policy: DeliverPolicy.StartSequence,
          opt_start_seq: Math.max(this.#nextSequence, 1),
          ack_policy: AckPolicy.None,
          replay_policy: ReplayPolicy.Instant,
          inactive_threshold: nanos(inactiveMs),
          mem_storage: true,
          num_replicas: 1,
        });
        this.#consumer = info.name;
        this.#consumerSequence = 0;
        this.#pending = info.num_pending;
        break;
      } catch (error) {
        this.#log.debug({ err: error, partition: this.#partition }, "the log is away, opening again");
        await new Promise((resolve) => setTimeout(resolve, retryMs));
      }
    }
    this.#opening = false;
    if (!this.#stopped) this.#pull();
  }

  #pull(): void {
    if (this.#stopped || this.#bufferBytes >= bufferBytesMax) return;
    this.#pulling = true;
    this.#heardAtMs = Date.now();
    this.#subscription?.unsubscribe();
    const inbox = createInbox();
    const consumer = this.#consumer;
    this.#subscription = this.#connection.subscribe(inbox, {
      callback: (error, message) => {
        if (!error && consumer === this.#consumer) this.#receive(message);
      },
    });
    this.#connection.publish(
      `$JS.API.CONSUMER.MSG.NEXT.${eventsStream}.${consumer}`,
      JSON.stringify({
        batch: pullMessagesMax,
        max_bytes: pullBytesMax,
        expires: nanos(pullExpiresMs),
        idle_heartbeat: nanos(heartbeatMs),
      }),
      { reply: inbox, headers: headers() },
    );
  }

  #receive(message: Msg): void {
    this.#heardAtMs = Date.now();
    const code = message.headers?.code ?? 0;
    if (code !== 0) {
      if (code === 100) return; // heartbeat
      this.#pulling = false;
      // 404 no messages, 408 expired, 409 the pull's bytes are used up: ask again; anything else: make it anew.
      const ended =
        code === 404 ||
        code === 408 ||
        /max ?bytes|batch completed/i.test(message.headers?.description ?? "");
      if (ended) this.#pull();
      else void this.#open();
      return;
    }
    // $JS.ACK.<stream>.<consumer>.<deliveries>.<stream seq>.<consumer seq>.<time ns>.<pending>, from the end
    // because newer servers put domain and account hash in front.
    const tokens = (message.reply ?? "").split(".");
    const offset = tokens.length >= 12 ? 2 : 0;
    const sequence = Number(tokens[5 + offset]);
    const consumerSequence = Number(tokens[6 + offset]);
    if (consumerSequence !== this.#consumerSequence + 1) {
      // A message was lost between server and us (a full connection buffer): read again from where we are.
      void this.#open();
      return;
    }
    this.#consumerSequence = consumerSequence;
    this.#nextSequence = sequence + 1;
    this.#pending = Number(tokens[8 + offset]);
    this.#buffer.push({
      sequence,
      storedAtMs: Math.floor(Number(tokens[7 + offset]) / 1e6),
      fingerprint: message.headers?.get(schemaHeader) ?? "",
      handedOver: message.headers?.get(handedOverHeader) ?? "",
      data: message.data,
    });
    this.#bufferBytes += message.data.length;
    this.#wake?.();
  }
}

/**
 * Reads exactly the blocks of a partition in `from..to` (inclusive stream sequences), for redoing a batch.
 * Throws when the log no longer holds all of them.
 */
export async function readRange(options: {
  connection: NatsConnection;
  partition: number;
  from: number;
  to: number;
  log: Logger;
  msMax: number;
}): Promise<BlockMessage[]> {
  const reader = new PartitionReader({ ...options, fromSequence: options.from });
  const blocks: BlockMessage[] = [];
  const deadline = Date.now() + options.msMax;
  reader.start();
  try {
    for (;;) {
      await reader.wait(Math.max(1, deadline - Date.now()));
      for (const block of reader.take(Number.MAX_SAFE_INTEGER)) {
        if (block.sequence <= options.to) blocks.push(block);
        if (block.sequence >= options.to) return blocks;
      }
      if (Date.now() > deadline) {
        throw new Error(
          `log range ${options.from}..${options.to} of partition ${options.partition} could not be read`,
        );
      }
    }
  } finally {
    reader.stop();
  }
}
