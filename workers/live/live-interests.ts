// Which projects somebody listens to, as the edges announce it; and the publishing of what was stored for them.
// Without listeners there is nothing here, and batches cost nothing more.
import type { NatsConnection } from "@nats-io/transport-node";
import type { Logger } from "#ops/runtime/log.ts";
import type { LiveFilter } from "#schemas/live/live-filter.ts";
import {
  liveAskSubject,
  liveInterestMsMax,
  liveInterestSubject,
  liveSubject,
  type LiveAnnouncement,
  type LiveInterest,
} from "#schemas/live/live-messages.ts";

/** Announcements of all edges together; more are not listened to. */
const announcementsMax = 20_000;

/** One message for a project's listeners. */
export interface LiveMessage {
  readonly projectId: number;
  readonly text: string;
}

interface Heard extends LiveAnnouncement {
  readonly untilMs: number;
}

export class LiveInterests {
  readonly #connection: NatsConnection;
  readonly #log: Logger;
  readonly #now: () => number;
  /** By edge and project. */
  readonly #heard = new Map<string, Heard>();
  #stop: () => void = () => undefined;

  constructor(options: { connection: NatsConnection; log: Logger; now?: () => number }) {
    this.#connection = options.connection;
    this.#log = options.log;
    this.#now = options.now ?? Date.now;
  }

  start(): void {
    const subscription = this.#connection.subscribe(liveInterestSubject, {
      callback: (error, message) => {
        if (!error) this.hear(message.json<LiveAnnouncement>());
      },
    });
    this.#stop = () => subscription.unsubscribe();
    this.#connection.publish(liveAskSubject);
  }

  stop(): void {
    this.#stop();
  }

  hear(announcement: LiveAnnouncement): void {
    const key = `${announcement.projectId} ${announcement.edge}`;
    this.#heard.delete(key);
    if (!announcement.counters && Object.keys(announcement.filters).length === 0) return;
    if (this.#heard.size >= announcementsMax) return;
    this.#heard.set(key, { ...announcement, untilMs: this.#now() + liveInterestMsMax });
  }

  /** What all edges together want, by project; undefined when nobody wants anything. */
  get current(): LiveInterest[] | undefined {
    if (this.#heard.size === 0) return undefined;
    const nowMs = this.#now();
    const wanted = new Map<number, { filters: Record<string, LiveFilter>; counters: boolean }>();
    for (const [key, { untilMs, projectId, filters, counters }] of this.#heard) {
      if (untilMs < nowMs) {
        this.#heard.delete(key);
        continue;
      }
      const known = wanted.get(projectId);
      wanted.set(projectId, {
        filters: { ...known?.filters, ...filters },
        counters: counters || known?.counters === true,
      });
    }
    return wanted.size === 0 ? undefined : [...wanted].map(([projectId, want]) => ({ projectId, ...want }));
  }

  /** Tells the listeners what was stored; what cannot be told now is not told later. */
  publish(messages: readonly LiveMessage[]): void {
    try {
      for (const { projectId, text } of messages) this.#connection.publish(liveSubject(projectId), text);
    } catch (error) {
      this.#log.warn({ err: error }, "listeners could not be told what was stored");
    }
  }
}
