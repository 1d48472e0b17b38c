// The live feed of this edge: who listens to what, announced to the workers while anybody does, and what they tell
// passed on. Nothing is kept: a listener is told what is stored while it listens, and when it may have missed some.
import type { NatsConnection, Subscription } from "@nats-io/transport-node";
import type { Logger } from "#ops/runtime/log.ts";
import { MillraceError } from "#schemas/errors.ts";
import type { LiveFilter } from "#schemas/live/live-filter.ts";
import {
  liveAskSubject,
  liveInterestEveryMs,
  liveInterestSubject,
  liveSubject,
  type LiveAnnouncement,
} from "#schemas/live/live-messages.ts";
import { LiveChannel, type Listener } from "./live-channel.ts";
import type { LiveSink } from "./live-sink.ts";

export const hubLimits = {
  listenersMax: 10_000,
  listenersOfProjectMax: 5_000,
  /** How long a listener waits for its announcement to be out. */
  openMsMax: 3_000,
  /** Keys expire, and a revocation may not be heard of. */
  recheckEveryMs: 60_000,
} as const;

const secondMs = 1_000;

export interface OpenListener {
  /** Everything that is sent to the platform from then on is told. Rejects with SERVICE_UNAVAILABLE. */
  readonly opened: Promise<void>;
  close(): void;
}

export interface ListenOptions {
  readonly projectId: number;
  readonly want: LiveFilter | "counters";
  readonly sink: LiveSink;
  /** Asked now and then, and when the project's keys change: false ends the listener. */
  readonly mayListen: () => Promise<boolean>;
}

export class LiveHub {
  readonly #connection: NatsConnection;
  readonly #edge: string;
  readonly #log: Logger;
  readonly #channels = new Map<number, { channel: LiveChannel; subscription: Subscription }>();
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #asked: Subscription;
  #listeners = 0;
  #stopped = false;

  constructor(options: { connection: NatsConnection; edge: string; log: Logger }) {
    this.#connection = options.connection;
    this.#edge = options.edge;
    this.#log = options.log;
    this.#asked = options.connection.subscribe(liveAskSubject, { callback: () => this.#announceAll() });
    this.#timers.push(
      setInterval(() => this.#announceAll(), liveInterestEveryMs),
      setInterval(() => this.#tick(), secondMs),
      setInterval(() => void this.#recheckAll(), hubLimits.recheckEveryMs),
    );
    void this.#watchConnection();
  }

  get listeners(): number {
    return this.#listeners;
  }

  /** Throws TOO_MANY_LISTENERS, SHUTTING_DOWN. */
  open({ projectId, want, sink, mayListen }: ListenOptions): OpenListener {
    if (this.#stopped) throw new MillraceError("SHUTTING_DOWN");
    if (this.#listeners >= hubLimits.listenersMax) {
      throw new MillraceError("TOO_MANY_LISTENERS", { retryAfterSeconds: 5 });
    }
    const { channel } = this.#channelOf(projectId);
    if (channel.size >= hubLimits.listenersOfProjectMax) {
      throw new MillraceError("TOO_MANY_LISTENERS", { retryAfterSeconds: 5 });
    }
    let added: ReturnType<LiveChannel["add"]>;
    try {
      added = channel.add(want, { sink, mayListen });
    } catch (error) {
      this.#closeIfEmpty(projectId);
      throw error;
    }
    const { listener, isNew } = added;
    this.#listeners += 1;
    if (isNew) this.#announce(channel);
    return { opened: this.#opened(listener), close: () => this.#remove(projectId, listener) };
  }

  /** The project's keys changed. */
  async recheck(projectId: number): Promise<void> {
    const channel = this.#channels.get(projectId)?.channel;
    if (channel === undefined) return;
    for (const listener of channel.listeners) {
      // A service that is away takes nothing from anybody.
      const may = await listener.mayListen().catch(() => true);
      if (!may) this.#end(projectId, listener, new MillraceError("UNAUTHORIZED"));
    }
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    for (const timer of this.#timers) clearInterval(timer);
    this.#asked.unsubscribe();
    for (const [projectId, { channel }] of [...this.#channels]) {
      for (const listener of channel.listeners) {
        this.#end(projectId, listener, new MillraceError("SHUTTING_DOWN"));
      }
    }
  }

  #channelOf(projectId: number): { channel: LiveChannel; subscription: Subscription } {
    const known = this.#channels.get(projectId);
    if (known !== undefined) return known;
    const channel = new LiveChannel(projectId);
    const subscription = this.#connection.subscribe(liveSubject(projectId), {
      callback: (error, message) => {
        if (error) return;
        try {
          channel.take(message.string());
        } catch (failure) {
          this.#log.error({ err: failure }, "what a worker tells listeners cannot be read");
        }
      },
    });
    const made = { channel, subscription };
    this.#channels.set(projectId, made);
    return made;
  }

  /** Workers get the announcement before anything that is sent after this: both take the same way. */
  async #opened(listener: Listener): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new MillraceError("SERVICE_UNAVAILABLE", { retryAfterSeconds: 2 })),
        hubLimits.openMsMax,
      );
    });
    try {
      await Promise.race([this.#connection.flush(), late]);
      listener.isOpen = true;
    } finally {
      clearTimeout(timer);
    }
  }

  #end(projectId: number, listener: Listener, error: MillraceError): void {
    this.#remove(projectId, listener);
    listener.sink.end(error);
  }

  #remove(projectId: number, listener: Listener): void {
    const channel = this.#channels.get(projectId)?.channel;
    if (channel === undefined || !channel.has(listener)) return;
    const wantsLess = channel.remove(listener);
    this.#listeners -= 1;
    if (wantsLess) this.#announce(channel);
    this.#closeIfEmpty(projectId);
  }

  #closeIfEmpty(projectId: number): void {
    const known = this.#channels.get(projectId);
    if (known === undefined || !known.channel.isEmpty) return;
    known.subscription.unsubscribe();
    this.#channels.delete(projectId);
  }

  #announceAll(): void {
    for (const { channel } of this.#channels.values()) this.#announce(channel);
  }

  #announce(channel: LiveChannel): void {
    const announcement: LiveAnnouncement = { edge: this.#edge, ...channel.interest };
    try {
      this.#connection.publish(liveInterestSubject, JSON.stringify(announcement));
    } catch (error) {
      // Said again soon.
      this.#log.debug({ err: error }, "interest in live events could not be announced");
    }
  }

  #tick(): void {
    const at = new Date();
    for (const { channel } of this.#channels.values()) channel.tick(at);
  }

  async #recheckAll(): Promise<void> {
    for (const projectId of [...this.#channels.keys()]) await this.recheck(projectId);
  }

  async #watchConnection(): Promise<void> {
    for await (const { type } of this.#connection.status()) {
      if (type !== "reconnect" || this.#stopped) continue;
      this.#announceAll();
      for (const { channel } of this.#channels.values()) {
        for (const { sink, isOpen } of channel.listeners) if (isOpen) sink.note({ type: "gap", data: {} });
      }
    }
  }
}
