// Generated from ingest/client/client-options.ts by npm run docs.
export {};
