// Generated from ingest/client/client.ts by npm run docs.
import type { ClientCounts, ClientOptions, EventOptions } from "./client-options.js";
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
    flush(options?: {
        msMax?: number;
    }): Promise<{
        pending: number;
    }>;
    /** As `flush` (5,000); then nothing is taken and sent any more. What is left is kept, or counted as dropped. */
    close(options?: {
        msMax?: number;
    }): Promise<{
        pending: number;
    }>;
    readonly counts: ClientCounts;
}
export declare function createClient(options: ClientOptions): Client;
