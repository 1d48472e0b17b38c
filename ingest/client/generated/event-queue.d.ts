// Generated from ingest/client/event-queue.ts by npm run docs.
import type { EventStorage } from "./event-storage.js";
export interface QueuedEvent {
    readonly text: string;
    readonly bytes: number;
}
export declare class EventQueue {
    #private;
    constructor(options: {
        eventsMax: number;
        bytesMax: number;
        storage: EventStorage;
    });
    get size(): number;
    /** How many events have come, and how many of these are done with or dropped: both only grow. */
    get added(): number;
    get removed(): number;
    get bytes(): number;
    /** What earlier runs have left; answers events that there is no room for. */
    load(): QueuedEvent[];
    /** Answers the events that were dropped for it. */
    add(text: string): QueuedEvent[];
    /** As `peek`, for the request that is under way from now on; they stay in the queue until `settle`. */
    take(limits: {
        events: number;
        bytes: number;
    }): readonly QueuedEvent[];
    /** The oldest events that fit into one request. */
    peek(limits: {
        events: number;
        bytes: number;
    }): readonly QueuedEvent[];
    /** The first `count` of those under way are done with; the others wait again. */
    settle(count: number): void;
}
