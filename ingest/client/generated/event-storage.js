// Generated from ingest/client/event-storage.ts by npm run docs.
// What keeps events that were not delivered beyond the end of a page or a process.
/** Keeps nothing. */
export const noStorage = {
    load: () => [],
    add: () => undefined,
    keep: () => undefined,
    readWord: () => undefined,
    writeWord: () => undefined,
    close: () => undefined,
};
