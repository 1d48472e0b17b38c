// Generated from ingest/client/event-queue.ts by npm run docs.
/** Part of the bound that is made free at once. */
const droppedPart = 0.02;
export class EventQueue {
    #eventsMax;
    #bytesMax;
    #storage;
    #events = [];
    #bytes = 0;
    #added = 0;
    /** From the front: part of the request under way. */
    #underWay = 0;
    constructor(options) {
        this.#eventsMax = options.eventsMax;
        this.#bytesMax = options.bytesMax;
        this.#storage = options.storage;
    }
    get size() {
        return this.#events.length;
    }
    /** How many events have come, and how many of these are done with or dropped: both only grow. */
    get added() {
        return this.#added;
    }
    get removed() {
        return this.#added - this.#events.length;
    }
    get bytes() {
        return this.#bytes;
    }
    /** What earlier runs have left; answers events that there is no room for. */
    load() {
        for (const text of this.#storage.load())
            this.#push(text);
        return this.#makeRoom();
    }
    /** Answers the events that were dropped for it. */
    add(text) {
        this.#push(text);
        this.#storage.add(text);
        return this.#makeRoom();
    }
    /** As `peek`, for the request that is under way from now on; they stay in the queue until `settle`. */
    take(limits) {
        const events = this.peek(limits);
        this.#underWay = events.length;
        return events;
    }
    /** The oldest events that fit into one request. */
    peek(limits) {
        let count = 0;
        let bytes = 0;
        for (const event of this.#events) {
            if (count === limits.events || (count > 0 && bytes + event.bytes > limits.bytes))
                break;
            count += 1;
            bytes += event.bytes;
        }
        return this.#events.slice(0, count);
    }
    /** The first `count` of those under way are done with; the others wait again. */
    settle(count) {
        this.#underWay = 0;
        if (count === 0)
            return;
        this.#remove(0, count);
        this.#storage.keep(() => this.#events.map(({ text }) => text));
    }
    #push(text) {
        const bytes = byteLengthOf(text);
        this.#events.push({ text, bytes });
        this.#bytes += bytes;
        this.#added += 1;
    }
    #makeRoom() {
        if (this.#events.length <= this.#eventsMax && this.#bytes <= this.#bytesMax)
            return [];
        const least = Math.max(this.#events.length - this.#eventsMax, Math.floor(this.#eventsMax * droppedPart), 1);
        let bytes = this.#bytes;
        let end = this.#underWay;
        // The newest event stays, whatever its size: the bound is then off by one event.
        while (end < this.#events.length - 1 && (end - this.#underWay < least || bytes > this.#bytesMax)) {
            bytes -= this.#events[end].bytes;
            end += 1;
        }
        const dropped = this.#remove(this.#underWay, end - this.#underWay);
        if (dropped.length > 0)
            this.#storage.keep(() => this.#events.map(({ text }) => text));
        return dropped;
    }
    #remove(from, count) {
        const removed = this.#events.splice(from, count);
        for (const { bytes } of removed)
            this.#bytes -= bytes;
        return removed;
    }
}
const encoder = new TextEncoder();
function byteLengthOf(text) {
    return encoder.encode(text).byteLength;
}
