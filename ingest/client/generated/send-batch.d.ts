// Generated from ingest/client/send-batch.ts by npm run docs.
import type { QueuedEvent } from "./event-queue.js";
export interface RejectedEvent {
    readonly index: number;
    readonly code: string;
    readonly message: string;
}
export type SendOutcome = 
/** Done with all of them: the platform holds all but those it refused. */
{
    readonly kind: "taken";
    readonly rejected: readonly RejectedEvent[];
}
/** Sent again later, with the same ids: whatever was taken counts once. */
 | {
    readonly kind: "again";
    readonly reason: string;
    readonly retryAfterMs: number | undefined;
}
/** The request is too large: sent again in halves. */
 | {
    readonly kind: "too-large";
}
/** It would be refused again. */
 | {
    readonly kind: "refused";
    readonly code: string;
    readonly message: string;
};
export interface SendOptions {
    readonly url: string;
    readonly key: string;
    readonly requestMsMax: number;
    readonly fetch: typeof globalThis.fetch;
    /** Ends the request. */
    readonly signal: AbortSignal;
    /** Goes on when the page is left. */
    readonly keepalive?: boolean;
}
export declare function sendBatch(events: readonly QueuedEvent[], options: SendOptions): Promise<SendOutcome>;
/** `sent_at` lets the platform correct a wrong clock. */
export declare function bodyOf(events: readonly QueuedEvent[]): string;
