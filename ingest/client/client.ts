// The client of the platform, for browsers and Node: takes events, keeps them in order, and delivers each of them
// exactly once in effect, through a network that fails and a platform that is away or busy.
//   const client = createClient({ url: "https://events.example", key: "<write key>" });
//   client.track("order_placed", { revenue: 12.5 }, { userId: "u1" });
//   await client.close();
import type { ClientCounts, ClientOptions, EventOptions } from "./client-options.ts";
import { Delivery } from "./delivery.ts";
import { EventQueue } from "./event-queue.ts";
import { noStorage, type EventStorage } from "./event-storage.ts";
import { isBrowser, onPageLeft, onProcessEnd } from "./exit-hooks.ts";
import { LocalStorage, type WebStorage } from "./local-storage.ts";
import { createId } from "./create-id.ts";

export type Properties = Readonly<Record<string, unknown>>;

export interface Client {
  /** Answers the event's id; with it, its receipt can be asked for. Throws when nobody is named. */
  track(event: string, properties?: Properties, options?: EventOptions): string;
  /** Who somebody is: joins the anonymous id to the user, and sets properties of the person. */
  identify(userId: string, traits?: Properties, options?: EventOptions): string;
  /** `previousId` is the same person as the user. */
  alias(userId: string, previousId: string, options?: EventOptions): string;
  page(name?: string, properties?: Properties, options?: EventOptions): string;
  group(groupId: string, traits?: Properties, options?: EventOptions): string;
  /** A single user has left: the next one is somebody else. */
  reset(): void;
  /** Sends what waits now; answers how many events wait when it is over, at the latest after `msMax` (10,000). */
  flush(options?: { msMax?: number }): Promise<{ pending: number }>;
  /** As `flush` (5,000); then nothing is taken and sent any more. What is left is kept, or counted as dropped. */
  close(options?: { msMax?: number }): Promise<{ pending: number }>;
  readonly counts: ClientCounts;
}

const flushMsMax = 10_000;
const closeMsMax = 5_000;
const batchEventsMax = 10_000;
/** Of an event; the platform's own bound. Larger ones are refused here and hold nothing up. */
const eventLengthMax = 32 * 1024;

export function createClient(options: ClientOptions): Client {
  return new QueueingClient(options);
}

class QueueingClient implements Client {
  readonly #options: ClientOptions;
  readonly #storage: EventStorage;
  readonly #keeps: boolean;
  readonly #queue: EventQueue;
  readonly #delivery: Delivery;
  readonly #isSingleUser: boolean;
  readonly #forget: (() => void)[] = [];
  #userId: string | undefined;
  #anonymousId: string | undefined;
  #accepted = 0;
  #rejected = 0;
  #dropped = 0;
  #retries = 0;
  #closing: Promise<{ pending: number }> | undefined;

  constructor(options: ClientOptions) {
    if (!/^https?:\/\//.test(options.url)) throw new TypeError("`url` must begin with http:// or https://");
    if (options.key === "") throw new TypeError("`key` must be a write key");
    this.#options = options;
    this.#storage = storageOf(options);
    this.#keeps = this.#storage !== noStorage;
    this.#isSingleUser = options.singleUser ?? isBrowser;
    this.#queue = new EventQueue({
      eventsMax: options.queueEventsMax ?? (isBrowser ? 1_000 : 10_000),
      bytesMax: options.queueBytesMax ?? (isBrowser ? 2 : 32) * 1024 * 1024,
      storage: this.#storage,
    });
    this.#delivery = new Delivery({
      url: options.url.replace(/\/+$/, ""),
      key: options.key,
      queue: this.#queue,
      batchEvents: Math.min(options.batchEvents ?? 100, batchEventsMax),
      batchBytes: options.batchBytes ?? 512 * 1024,
      flushEveryMs: options.flushEveryMs ?? 1_000,
      requestMsMax: options.requestMsMax ?? 10_000,
      retryMsMax: options.retryMsMax ?? 30_000,
      fetch: options.fetch ?? globalThis.fetch.bind(globalThis),
      onAccepted: (events) => {
        this.#accepted += events;
      },
      onRejected: ({ text }, code, message) => {
        this.#rejected += 1;
        this.#lose(text, code, message);
      },
      onRetry: (reason, waitMs) => {
        this.#retries += 1;
        options.onRetry?.(reason, waitMs);
      },
    });
    if (this.#isSingleUser) {
      this.#userId = options.userId ?? this.#storage.readWord("user");
      this.#anonymousId = options.anonymousId ?? this.#storage.readWord("anonymous");
    }
    this.#drop(this.#queue.load());
    this.#delivery.notice();
    this.#hook();
  }

  get counts(): ClientCounts {
    return {
      pending: this.#queue.size,
      accepted: this.#accepted,
      rejected: this.#rejected,
      dropped: this.#dropped,
      retries: this.#retries,
    };
  }

  track(event: string, properties: Properties = {}, options: EventOptions = {}): string {
    return this.#add(event, properties, this.#whom(options), options);
  }

  identify(userId: string, traits: Properties = {}, options: EventOptions = {}): string {
    if (this.#isSingleUser) {
      this.#userId = userId;
      this.#storage.writeWord("user", userId);
    }
    return this.#add(
      "identify",
      { $set: traits },
      { ...this.#whom({ ...options, userId }), userId },
      options,
    );
  }

  alias(userId: string, previousId: string, options: EventOptions = {}): string {
    return this.#add("alias", { previousId }, { userId }, options);
  }

  page(name?: string, properties: Properties = {}, options: EventOptions = {}): string {
    const named = name === undefined ? properties : { ...properties, name };
    return this.#add("page", named, this.#whom(options), options);
  }

  group(groupId: string, traits: Properties = {}, options: EventOptions = {}): string {
    return this.#add("group", { group_id: groupId, group_traits: traits }, this.#whom(options), options);
  }

  reset(): void {
    this.#userId = undefined;
    this.#anonymousId = undefined;
    this.#storage.writeWord("user", undefined);
    this.#storage.writeWord("anonymous", undefined);
  }

  async flush(options: { msMax?: number } = {}): Promise<{ pending: number }> {
    await this.#delivery.flush(options.msMax ?? flushMsMax);
    return { pending: this.#queue.size };
  }

  close(options: { msMax?: number } = {}): Promise<{ pending: number }> {
    return (this.#closing ??= this.#close(options.msMax ?? closeMsMax));
  }

  async #close(msMax: number): Promise<{ pending: number }> {
    await this.#delivery.flush(msMax);
    this.#delivery.stop();
    for (const forget of this.#forget) forget();
    this.#storage.close();
    if (!this.#keeps) this.#dropped += this.#queue.size;
    return { pending: this.#queue.size };
  }

  #whom(options: EventOptions): { userId?: string; anonymousId?: string } {
    const { userId, anonymousId } = options;
    if (!this.#isSingleUser) {
      if (userId === undefined && anonymousId === undefined) {
        throw new TypeError("say whom the event is about: `userId` or `anonymousId`");
      }
      return {
        ...(userId === undefined ? {} : { userId }),
        ...(anonymousId === undefined ? {} : { anonymousId }),
      };
    }
    if (anonymousId === undefined && this.#anonymousId === undefined) {
      this.#anonymousId = createId();
      this.#storage.writeWord("anonymous", this.#anonymousId);
    }
    const user = userId ?? this.#userId;
    return {
      anonymousId: anonymousId ?? (this.#anonymousId as string),
      ...(user === undefined ? {} : { userId: user }),
    };
  }

  #add(
    event: string,
    properties: Properties,
    whom: { userId?: string; anonymousId?: string },
    options: EventOptions,
  ): string {
    const eventId = options.eventId ?? createId();
    const { timestamp = Date.now(), sessionId } = options;
    const context = { ...pageContext(), ...this.#options.context, ...options.context };
    const text = JSON.stringify({
      event,
      event_id: eventId,
      user_id: whom.userId,
      anonymous_id: whom.anonymousId,
      session_id: sessionId,
      timestamp: typeof timestamp === "object" ? timestamp.toISOString() : timestamp,
      properties,
      context,
    });
    if (text.length > eventLengthMax) {
      this.#rejected += 1;
      this.#lose(text, "EVENT_TOO_LARGE", `The event is larger than ${eventLengthMax} bytes.`);
      return eventId;
    }
    if (this.#closing !== undefined) {
      this.#dropped += 1;
      this.#lose(text, "CLIENT_CLOSED", "The client was closed before.");
      return eventId;
    }
    this.#drop(this.#queue.add(text));
    this.#delivery.notice();
    return eventId;
  }

  #drop(events: readonly { text: string }[]): void {
    this.#dropped += events.length;
    for (const { text } of events) {
      this.#lose(text, "QUEUE_FULL", "Too many events wait; the oldest were dropped.");
    }
  }

  #lose(text: string, code: string, message: string): void {
    this.#options.onLost?.(JSON.parse(text) as Record<string, unknown>, code, message);
  }

  #hook(): void {
    const { flushOnExit = isBrowser, exitMsMax = closeMsMax } = this.#options;
    if (!flushOnExit) return;
    if (isBrowser) {
      this.#forget.push(
        onPageLeft(() => {
          if (this.#storage instanceof LocalStorage) this.#storage.write();
          this.#delivery.leave();
        }),
      );
      return;
    }
    this.#forget.push(
      onProcessEnd(async () => {
        await this.flush({ msMax: exitMsMax });
      }),
    );
  }
}

function storageOf({ storage, url, key }: ClientOptions): EventStorage {
  if (storage === "none" || (storage === undefined && !isBrowser)) return noStorage;
  if (typeof storage === "object") return storage;
  // Reading it throws where pages may keep nothing.
  let local: WebStorage | undefined;
  try {
    local = (globalThis as { localStorage?: WebStorage }).localStorage;
  } catch {
    local = undefined;
  }
  return local === undefined
    ? noStorage
    : new LocalStorage({ storage: local, scope: `${url} ${key}`, page: createId() });
}

interface Page {
  readonly location?: { readonly href: string };
  readonly document?: { readonly title: string; readonly referrer: string };
}

/** The page that the event happened on. */
function pageContext(): Properties {
  const { location, document } = globalThis as unknown as Page;
  if (location === undefined || document === undefined) return {};
  return { page: { url: location.href, title: document.title, referrer: document.referrer } };
}
