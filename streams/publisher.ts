// Group commit: events of many requests share one block per partition and one synced write of the log.
// Idle: a block leaves at the end of the event-loop turn. Busy: events gather while earlier blocks are in flight,
// so that blocks grow with the load by themselves. A request is told once all its blocks are confirmed.
import { randomBytes } from "node:crypto";
import { createInbox, headers, type NatsConnection, type Subscription } from "@nats-io/transport-node";
import { MillraceError } from "#schemas/errors.ts";
import { blockFingerprint, BlockWriter, handedOverHeader, schemaHeader } from "#schemas/events/block.ts";
import type { LogEvent } from "#schemas/events/event.ts";
import type { Logger } from "#ops/runtime/log.ts";
import { eventSubject } from "./catalogue.ts";
import { parseAck } from "./publisher-acks.ts";
import { Block, EncodedBlock, type Commit } from "./publisher-block.ts";
import { publisherLimits, type PublisherLimits, type PublisherObserver } from "./publisher-limits.ts";

interface Partition {
  open: Block | undefined;
  /** Recent block size: the next block's buffer starts with it. */
  bytesExpected: number;
}

const sweepMs = 100;
const unheardRetryMs = 200;
/** How long a full log is taken as full before the next block tries again. */
const fullMs = 1_000;
/** A drain waits no longer for confirmations; the process has a few seconds to end. */
const stopMs = 5_000;
const blockBytesInitialMin = 1024;

export class Publisher {
  readonly #connection: NatsConnection;
  readonly #log: Logger;
  readonly #limits: PublisherLimits;
  readonly #observer: PublisherObserver | undefined;
  readonly #partitions: Partition[];
  readonly #inFlight = new Map<string, Block>();
  /** Open blocks, the oldest first; at most one for each partition. */
  readonly #open: Block[] = [];
  /** Full blocks that wait for a place in flight, the oldest first. */
  readonly #full: Block[] = [];
  readonly #inbox: string;
  readonly #subscription: Subscription;
  readonly #idPrefix = randomBytes(9).toString("base64url");
  readonly #sweeper: NodeJS.Timeout;
  #deadlineMs: number;
  #nextToken = 0;
  #pendingBytes = 0;
  #flushScheduled = false;
  #lingering = false;
  #connected = true;
  #disconnectedAtMs = 0;
  #fullUntilMs = 0;
  #stopped = false;
  #paceMs = 0;
  /** Stored blocks whose requests are not told yet, because of the pace. */
  #paced = 0;
  #idle: (() => void) | undefined;

  constructor(options: {
    connection: NatsConnection;
    partitions: number;
    log: Logger;
    limits?: Partial<PublisherLimits>;
    observer?: PublisherObserver;
  }) {
    this.#connection = options.connection;
    this.#log = options.log;
    this.#limits = {
      ...publisherLimits,
      gatherInFlightMax: Math.ceil(options.partitions / 8),
      ...options.limits,
    };
    this.#observer = options.observer;
    this.#deadlineMs = this.#limits.deadlineMs;
    this.#partitions = Array.from({ length: options.partitions }, () => ({
      open: undefined,
      bytesExpected: blockBytesInitialMin,
    }));
    this.#inbox = createInbox();
    this.#subscription = this.#connection.subscribe(`${this.#inbox}.*`, {
      callback: (error, message) => {
        if (error) this.#log.warn({ err: error }, "confirmations cannot be received");
        else this.#onAck(message.subject.slice(this.#inbox.length + 1), parseAck(message));
      },
    });
    this.#sweeper = setInterval(() => this.#sweep(), sweepMs);
    void this.#watchConnection();
  }

  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  get connected(): boolean {
    return this.#connected;
  }

  get partitions(): number {
    return this.#partitions.length;
  }

  /** Undefined when `bytes` more may be appended now, else why not. Ask before `append`, once a request. */
  refusal(bytes: number): MillraceError | undefined {
    if (this.#stopped) return new MillraceError("SHUTTING_DOWN", { retryAfterSeconds: 1 });
    if (this.#fullUntilMs !== 0) {
      const restMs = this.#fullUntilMs - Date.now();
      if (restMs > 0) return new MillraceError("BEHIND", { retryAfterSeconds: Math.ceil(restMs / 1000) });
      this.#fullUntilMs = 0;
    }
    if (!this.#connected && Date.now() - this.#disconnectedAtMs > this.#limits.awayMs) {
      return new MillraceError("LOG_UNAVAILABLE", { retryAfterSeconds: 1 });
    }
    if (this.#pendingBytes + bytes <= this.#limits.pendingBytesMax) return undefined;
    // Disconnected, what is pending leaves at the latest at the deadline; connected, within a second.
    return new MillraceError(this.#connected ? "BEHIND" : "LOG_UNAVAILABLE", { retryAfterSeconds: 1 });
  }

  /** Adds one event; `commit.settled()` follows in a later turn. `refusal` must have been asked before. */
  append(partition: number, event: LogEvent, commit: Commit): void {
    const state = this.#partitions[partition] as Partition;
    const block = state.open ?? this.#openBlock(state, partition, 0);
    const bytesBefore = block.writer.bytes;
    block.writer.append(event);
    block.dueAtMs = block.openedAtMs;
    this.#appended(block, bytesBefore, commit);
    this.#scheduleFlush();
  }

  /** As `append`, for an event that is encoded already (schemas/events/event-text.ts) and nobody waits for. */
  appendUnhurried(partition: number, encoded: string, commit: Commit): void {
    const state = this.#partitions[partition] as Partition;
    const block = state.open ?? this.#openBlock(state, partition, this.#limits.lingerMs);
    const bytesBefore = block.writer.bytes;
    block.writer.appendText(encoded);
    if (this.#appended(block, bytesBefore, commit)) this.#scheduleFlush();
    else this.#scheduleLinger();
  }

  /** True: the block is full. */
  #appended(block: Block, bytesBefore: number, commit: Commit): boolean {
    this.#pendingBytes += block.writer.bytes - bytesBefore;
    block.addCommit(commit);
    if (block.writer.bytes < this.#limits.blockBytes) return false;
    this.#close(block);
    this.#full.push(block);
    return true;
  }

  /** Adds `events` that are a whole block already, and were handed over at that time; otherwise as `append`. */
  appendBlock(
    encoded: { partition: number; payload: Uint8Array; events: number; handedOverMs: number },
    commit: Commit,
  ): void {
    const { partition, payload, events, handedOverMs } = encoded;
    const block = new Block(partition, new EncodedBlock(payload, events), Date.now());
    block.handedOverMs = handedOverMs;
    block.payload = payload;
    block.addCommit(commit);
    this.#pendingBytes += payload.length;
    this.#full.push(block);
    this.#scheduleFlush();
  }

  /**
   * Holds every confirmation back for `ms`, so that senders who wait for their answers send no faster than the
   * workers store. Nothing is refused for it; 0 ends it.
   */
  pace(ms: number): void {
    this.#paceMs = ms;
  }

  /** Publishes what is open, waits until everything is settled; `append` must not be called any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#flush(Number.POSITIVE_INFINITY);
    this.#deadlineMs = Math.min(this.#deadlineMs, stopMs);
    if (!this.#isIdle()) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
    }
    clearInterval(this.#sweeper);
    this.#subscription.unsubscribe();
  }

  #openBlock(state: Partition, partition: number, lingerMs: number): Block {
    const block = new Block(partition, new BlockWriter(state.bytesExpected), Date.now(), lingerMs);
    state.open = block;
    this.#open.push(block);
    return block;
  }

  #close(block: Block): void {
    const state = this.#partitions[block.partition] as Partition;
    state.open = undefined;
    this.#open.splice(this.#open.indexOf(block), 1);
    const payload = block.writer.finish();
    block.payload = payload;
    // Half again above the recent average: most blocks then never copy themselves to a larger buffer.
    state.bytesExpected = Math.min(
      Math.max(blockBytesInitialMin, Math.round(state.bytesExpected * 0.8 + payload.length * 1.5 * 0.2)),
      this.#limits.blockBytes + 64 * 1024,
    );
  }

  #scheduleFlush(): void {
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    setImmediate(() => {
      this.#flushScheduled = false;
      this.#flush(this.#stopped ? Number.POSITIVE_INFINITY : this.#limits.gatherInFlightMax);
    });
  }

  /** One timer for all blocks: whatever is due then leaves. */
  #scheduleLinger(): void {
    if (this.#lingering) return;
    this.#lingering = true;
    setTimeout(() => {
      this.#lingering = false;
      this.#scheduleFlush();
    }, this.#limits.lingerMs);
  }

  #flush(gatherInFlightMax: number): void {
    while (this.#full.length > 0 && this.#inFlight.size < this.#limits.inFlightMax) {
      this.#send(this.#full.shift() as Block);
    }
    if (this.#open.length === 0) return;
    const nowMs = this.#stopped ? Number.POSITIVE_INFINITY : Date.now();
    while (this.#inFlight.size < gatherInFlightMax) {
      const oldest = this.#open.find(({ dueAtMs }) => dueAtMs <= nowMs);
      if (oldest === undefined) break;
      this.#close(oldest);
      this.#send(oldest);
    }
    if (this.#open.some(({ dueAtMs }) => dueAtMs > nowMs)) this.#scheduleLinger();
  }

  #send(block: Block): void {
    block.token = (this.#nextToken++).toString(36);
    this.#inFlight.set(block.token, block);
    this.#publish(block);
  }

  #publish(block: Block): void {
    block.publishedAtMs = Date.now();
    // While disconnected the client would collect, then throw away: every unconfirmed block leaves on reconnect.
    if (!this.#connected) return;
    block.attempts += 1;
    const built = headers();
    built.set(schemaHeader, blockFingerprint);
    if (block.handedOverMs !== undefined) built.set(handedOverHeader, String(block.handedOverMs));
    built.set("Nats-Msg-Id", `${this.#idPrefix}.${block.token}`);
    try {
      this.#connection.publish(eventSubject(block.partition), block.payload as Uint8Array, {
        reply: `${this.#inbox}.${block.token}`,
        headers: built,
      });
    } catch (error) {
      // The connection is closed for good (or the server allows smaller messages only): nobody will answer.
      setImmediate(() =>
        this.#settle(block, new MillraceError("LOG_UNAVAILABLE", { cause: error, retryAfterSeconds: 1 })),
      );
    }
  }

  #onAck(token: string, ack: ReturnType<typeof parseAck>): void {
    const block = this.#inFlight.get(token);
    // Confirmed before (it was published twice), or given up on.
    if (block === undefined) return;
    if (ack.kind === "unheard") {
      // The sweep publishes it again.
      block.publishedAtMs = Date.now() - this.#limits.retryMs + unheardRetryMs;
    } else if (ack.kind === "stored") {
      this.#settle(block, undefined);
    } else {
      if (ack.full) this.#fullUntilMs = Date.now() + fullMs;
      this.#log.warn({ err: ack.error.cause, events: block.writer.count }, "the log refused a block");
      this.#settle(block, ack.error);
    }
  }

  #settle(block: Block, failure: MillraceError | undefined): void {
    if (!this.#inFlight.delete(block.token)) return;
    if (this.#paceMs === 0 || this.#stopped || failure !== undefined) {
      this.#finish(block, failure);
    } else {
      this.#paced += 1;
      setTimeout(() => {
        this.#paced -= 1;
        this.#finish(block, undefined);
      }, this.#paceMs);
    }
    if (this.#open.length > 0 || this.#full.length > 0) this.#scheduleFlush();
  }

  #finish(block: Block, failure: MillraceError | undefined): void {
    this.#pendingBytes -= block.writer.bytes - block.bytesInitial;
    if (failure === undefined) {
      this.#observer?.blockStored(block.writer.count, block.writer.bytes, Date.now() - block.openedAtMs);
    } else {
      this.#observer?.blockFailed(block.writer.count);
    }
    block.settle(failure);
    if (this.#idle !== undefined && this.#isIdle()) this.#idle();
  }

  #isIdle(): boolean {
    return (
      this.#inFlight.size === 0 && this.#open.length === 0 && this.#full.length === 0 && this.#paced === 0
    );
  }

  /** Fails what waited too long, wherever it waits, and repeats what the log did not confirm. */
  #sweep(): void {
    const nowMs = Date.now();
    const failure = (): MillraceError => new MillraceError("LOG_UNAVAILABLE", { retryAfterSeconds: 1 });
    for (const block of this.#inFlight.values()) {
      if (nowMs - block.openedAtMs >= this.#deadlineMs) this.#settle(block, failure());
      else if (nowMs - block.publishedAtMs >= this.#limits.retryMs) this.#publish(block);
    }
    const expired = (block: Block | undefined): block is Block =>
      block !== undefined && nowMs - block.openedAtMs >= this.#deadlineMs;
    while (expired(this.#full[0])) this.#finish(this.#full.shift() as Block, failure());
    while (expired(this.#open[0])) {
      const block = this.#open[0];
      this.#close(block);
      this.#finish(block, failure());
    }
  }

  async #watchConnection(): Promise<void> {
    for await (const status of this.#connection.status()) {
      if (status.type === "disconnect") {
        if (this.#connected) this.#disconnectedAtMs = Date.now();
        this.#connected = false;
      } else if (status.type === "reconnect") {
        this.#connected = true;
        // Their confirmations may have died with the connection: the message id makes the repeat harmless,
        // and waiting for a timeout instead would cost every request seconds.
        for (const block of this.#inFlight.values()) this.#publish(block);
      }
    }
  }
}
