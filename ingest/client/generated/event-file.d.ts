// Generated from ingest/client/event-file.ts by npm run docs.
import type { EventStorage } from "./event-storage.js";
export declare class EventFile implements EventStorage {
    #private;
    /** The folder is made when it is not there. One client of a process takes one `EventFile`. */
    constructor(folder: string);
    load(): string[];
    add(event: string): void;
    keep(events: () => readonly string[]): void;
    readWord(): undefined;
    writeWord(): void;
    close(): void;
}
