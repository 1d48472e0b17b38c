// Generated from ingest/client/client.ts by npm run docs.
import { Delivery } from "./delivery.js";
import { EventQueue } from "./event-queue.js";
import { noStorage } from "./event-storage.js";
import { isBrowser, onPageLeft, onProcessEnd } from "./exit-hooks.js";
import { LocalStorage } from "./local-storage.js";
import { createId } from "./create-id.js";
const flushMsMax = 10_000;
const closeMsMax = 5_000;
const batchEventsMax = 10_000;
/** Of an event; the platform's own bound. Larger ones are refused here and hold nothing up. */
const eventLengthMax = 32 * 1024;
export function createClient(options) {
    return new QueueingClient(options);
}
class QueueingClient {
    #options;
    #storage;
    #keeps;
    #queue;
    #delivery;
    #isSingleUser;
    #forget = [];
    #userId;
    #anonymousId;
    #accepted = 0;
    #rejected = 0;
    #dropped = 0;
    #retries = 0;
    #closing;
    constructor(options) {
        if (!/^https?:\/\//.test(options.url))
            throw new TypeError("`url` must begin with http:// or https://");
        if (options.key === "")
            throw new TypeError("`key` must be a write key");
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
    get counts() {
        return {
            pending: this.#queue.size,
            accepted: this.#accepted,
            rejected: this.#rejected,
            dropped: this.#dropped,
            retries: this.#retries,
        };
    }
    track(event, properties = {}, options = {}) {
        return this.#add(event, properties, this.#whom(options), options);
    }
    identify(userId, traits = {}, options = {}) {
        if (this.#isSingleUser) {
            this.#userId = userId;
            this.#storage.writeWord("user", userId);
        }
        return this.#add("identify", { $set: traits }, { ...this.#whom({ ...options, userId }), userId }, options);
    }
    alias(userId, previousId, options = {}) {
        return this.#add("alias", { previousId }, { userId }, options);
    }
    page(name, properties = {}, options = {}) {
        const named = name === undefined ? properties : { ...properties, name };
        return this.#add("page", named, this.#whom(options), options);
    }
    group(groupId, traits = {}, options = {}) {
        return this.#add("group", { group_id: groupId, group_traits: traits }, this.#whom(options), options);
    }
    reset() {
        this.#userId = undefined;
        this.#anonymousId = undefined;
        this.#storage.writeWord("user", undefined);
        this.#storage.writeWord("anonymous", undefined);
    }
    async flush(options = {}) {
        await this.#delivery.flush(options.msMax ?? flushMsMax);
        return { pending: this.#queue.size };
    }
    close(options = {}) {
        return (this.#closing ??= this.#close(options.msMax ?? closeMsMax));
    }
    async #close(msMax) {
        await this.#delivery.flush(msMax);
        this.#delivery.stop();
        for (const forget of this.#forget)
            forget();
        this.#storage.close();
        if (!this.#keeps)
            this.#dropped += this.#queue.size;
        return { pending: this.#queue.size };
    }
    #whom(options) {
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
            anonymousId: anonymousId ?? this.#anonymousId,
            ...(user === undefined ? {} : { userId: user }),
        };
    }
    #add(event, properties, whom, options) {
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
    #drop(events) {
        this.#dropped += events.length;
        for (const { text } of events) {
            this.#lose(text, "QUEUE_FULL", "Too many events wait; the oldest were dropped.");
        }
    }
    #lose(text, code, message) {
        this.#options.onLost?.(JSON.parse(text), code, message);
    }
    #hook() {
        const { flushOnExit = isBrowser, exitMsMax = closeMsMax } = this.#options;
        if (!flushOnExit)
            return;
        if (isBrowser) {
            this.#forget.push(onPageLeft(() => {
                if (this.#storage instanceof LocalStorage)
                    this.#storage.write();
                this.#delivery.leave();
            }));
            return;
        }
        this.#forget.push(onProcessEnd(async () => {
            await this.flush({ msMax: exitMsMax });
        }));
    }
}
function storageOf({ storage, url, key }) {
    if (storage === "none" || (storage === undefined && !isBrowser))
        return noStorage;
    if (typeof storage === "object")
        return storage;
    // Reading it throws where pages may keep nothing.
    let local;
    try {
        local = globalThis.localStorage;
    }
    catch {
        local = undefined;
    }
    return local === undefined
        ? noStorage
        : new LocalStorage({ storage: local, scope: `${url} ${key}`, page: createId() });
}
/** The page that the event happened on. */
function pageContext() {
    const { location, document } = globalThis;
    if (location === undefined || document === undefined)
        return {};
    return { page: { url: location.href, title: document.title, referrer: document.referrer } };
}
