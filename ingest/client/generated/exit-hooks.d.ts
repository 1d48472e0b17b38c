// Generated from ingest/client/exit-hooks.ts by npm run docs.
export declare const isBrowser: boolean;
/** `leave` is called whenever the page may be gone in a moment. Answers how to stop. */
export declare function onPageLeft(leave: () => void): () => void;
/** `finish` is awaited before a Node process ends by itself or by a signal. Answers how to stop. */
export declare function onProcessEnd(finish: () => Promise<void>): () => void;
