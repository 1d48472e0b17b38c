// What a client of the platform can be told. Everything under ingest/client/ runs in browsers and in Node, imports
// nothing from elsewhere, and is what `millrace/client` exports.
import type { EventStorage } from "./event-storage.ts";

export interface ClientOptions {
  /** Where the platform is: "https://events.example". */
  readonly url: string;
  /** A write key. */
  readonly key: string;
  /** Events of one request. Default 100, at most 10,000. */
  readonly batchEvents?: number;
  /** Bytes of one request. Default 512 KB. */
  readonly batchBytes?: number;
  /** How long an event waits for others before it is sent. Default 1,000 ms. */
  readonly flushEveryMs?: number;
  /** Events that wait at most; the oldest are dropped and counted. Default 10,000; 1,000 in browsers. */
  readonly queueEventsMax?: number;
  /** The same in bytes. Default 32 MB; 2 MB in browsers. */
  readonly queueBytesMax?: number;
  /** Of one request. Default 10,000 ms. */
  readonly requestMsMax?: number;
  /** Waits between tries grow up to this, Retry-After apart. Default 30,000 ms. */
  readonly retryMsMax?: number;
  /**
   * Everything is about one user, as in a page: `identify` is remembered, and events without ids get an anonymous id.
   * Default: true in browsers, false elsewhere, where every call says whom it is about.
   */
  readonly singleUser?: boolean;
  /** Whom events of a single user are about, as far as it is known before. */
  readonly userId?: string;
  readonly anonymousId?: string;
  /** Goes with every event; the context of a call wins. */
  readonly context?: Readonly<Record<string, unknown>>;
  /**
   * Keeps what was not delivered, and the ids of a single user. In browsers "local" keeps it in localStorage
   * (default), "none" keeps nothing; in Node an `EventFile`, by default nothing.
   */
  readonly storage?: EventStorage | "local" | "none";
  /**
   * What is sent when the program ends. In browsers: as much as browsers take of a page that is left (default true).
   * In Node: waits for the queue before the process ends by itself or by SIGTERM and SIGINT (default false).
   */
  readonly flushOnExit?: boolean;
  /** Bound of that wait in Node. Default 5,000 ms. */
  readonly exitMsMax?: number;
  /** An event that was refused, or dropped: with what code ("QUEUE_FULL", "EVENT_TOO_LARGE", …). */
  readonly onLost?: (event: Readonly<Record<string, unknown>>, code: string, message: string) => void;
  /** A request that failed and is tried again. */
  readonly onRetry?: (reason: string, waitMs: number) => void;
  /** For tests and unusual surroundings. */
  readonly fetch?: typeof globalThis.fetch;
}

/** Whom an event is about, and what else a call may say. */
export interface EventOptions {
  readonly userId?: string;
  readonly anonymousId?: string;
  readonly sessionId?: string;
  /** Default: now. */
  readonly timestamp?: Date | string | number;
  /** Default: a new one. Events with the same id count once. */
  readonly eventId?: string;
  readonly context?: Readonly<Record<string, unknown>>;
}

export interface ClientCounts {
  /** Waiting, or under way. */
  readonly pending: number;
  /** The platform holds them. */
  readonly accepted: number;
  /** The platform refused them for good. */
  readonly rejected: number;
  /** The queue was full, or closed with them in it and nothing kept them. */
  readonly dropped: number;
  /** Requests that failed and were tried again. */
  readonly retries: number;
}
