// Generated from ingest/client/delivery.ts by npm run docs.
import type { EventQueue, QueuedEvent } from "./event-queue.js";
import { type SendOptions } from "./send-batch.js";
export interface DeliveryOptions extends Omit<SendOptions, "signal" | "keepalive"> {
    readonly queue: EventQueue;
    readonly batchEvents: number;
    readonly batchBytes: number;
    readonly flushEveryMs: number;
    readonly retryMsMax: number;
    readonly onAccepted: (events: number) => void;
    readonly onRejected: (event: QueuedEvent, code: string, message: string) => void;
    readonly onRetry: (reason: string, waitMs: number) => void;
}
export declare class Delivery {
    #private;
    constructor(options: DeliveryOptions);
    /** An event was added. */
    notice(): void;
    /** Sends what waits now; resolves when all of that is done with, when it is stopped, or after `msMax`. */
    flush(msMax: number): Promise<void>;
    /** Sends nothing more. */
    stop(): void;
    /**
     * The page is left: as much as browsers take goes out now, without waiting for answers. It stays in the queue: when
     * the page comes back, or another one takes over what was kept, it is sent again and counts once.
     */
    leave(): void;
}
