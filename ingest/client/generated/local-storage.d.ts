// Generated from ingest/client/local-storage.ts by npm run docs.
import type { EventStorage } from "./event-storage.js";
/** The part of localStorage that is used. */
export interface WebStorage {
    readonly length: number;
    key(index: number): string | null;
    getItem(name: string): string | null;
    setItem(name: string, value: string): void;
    removeItem(name: string): void;
}
export declare class LocalStorage implements EventStorage {
    #private;
    /** Clients with another `scope` (another platform, another key) see nothing of each other. */
    constructor(options: {
        storage: WebStorage;
        scope: string;
        page: string;
        now?: () => number;
    });
    load(): string[];
    add(event: string): void;
    keep(events: () => readonly string[]): void;
    /** Now: the page may be gone in a moment. */
    write(): void;
    readWord(name: string): string | undefined;
    writeWord(name: string, value: string | undefined): void;
    close(): void;
}
