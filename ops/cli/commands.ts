// The table of commands. Each is a file of its own, loaded only when it is called.
import type { Command } from "./command.ts";

export type CommandEntry = { readonly summary: string; readonly load: () => Promise<Command> };

export const commands: Readonly<Record<string, CommandEntry>> = {
  start: {
    summary: "run everything: the embedded servers that are not configured, and all tiers",
    load: async () => (await import("./start.ts")).command,
  },
  ingest: {
    summary: "run one ingest process, the edge (for clusters; needs the server URLs)",
    load: async () => (await import("./tier.ts")).tierCommand("ingest"),
  },
  workers: {
    summary: "run one workers process (for clusters; needs the server URLs)",
    load: async () => (await import("./tier.ts")).tierCommand("workers"),
  },
  query: {
    summary: "run one query process (for clusters; needs the server URLs)",
    load: async () => (await import("./tier.ts")).tierCommand("query"),
  },
  migrate: {
    summary: "bring the tables of Postgres and ClickHouse up to date",
    load: async () => (await import("./migrate.ts")).command,
  },
  keys: {
    summary: "show the keys of the project default; list, make, rotate and revoke keys",
    load: async () => (await import("./keys.ts")).command,
  },
  links: {
    summary: "list short links, make one, or show how often it was clicked",
    load: async () => (await import("./links.ts")).command,
  },
  replay: {
    summary: "bring blocks that could not be processed back into the log, or list them",
    load: async () => (await import("./replay.ts")).command,
  },
  demo: {
    summary: "fill the project default with a shop's traffic, and print what to look at",
    load: async () => (await import("./demo.ts")).command,
  },
  upload: {
    summary: "upload a file of events (CSV, NDJSON, JSON) and say what became of its rows",
    load: async () => (await import("./upload.ts")).command,
  },
  doctor: {
    summary: "say what is configured, reachable and lagging, also when nothing runs",
    load: async () => (await import("./doctor.ts")).command,
  },
  bench: {
    summary: "run a benchmark; without a name, list them",
    load: async () => (await import("./bench.ts")).command,
  },
  test: {
    summary: "run the checks, then unit, integration and end-to-end tests",
    load: async () => (await import("./test.ts")).command,
  },
};
