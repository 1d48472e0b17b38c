// Generated from ingest/client/create-id.ts by npm run docs.
export declare function createId(): string;
