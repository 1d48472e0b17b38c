// Generated from ingest/client/event-storage.ts by npm run docs.
export interface EventStorage {
    /** The JSON of events that earlier runs have left, oldest first; they are this run's from now on. */
    load(): string[];
    add(event: string): void;
    /** All that waits now, oldest first, after some of it was delivered or dropped. */
    keep(events: () => readonly string[]): void;
    /** A word that outlives the run: the ids of a single user. */
    readWord(name: string): string | undefined;
    writeWord(name: string, value: string | undefined): void;
    /** Nothing is written afterwards; what is kept stays for the next run. */
    close(): void;
}
/** Keeps nothing. */
export declare const noStorage: EventStorage;
