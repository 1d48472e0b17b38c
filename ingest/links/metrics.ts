// What is counted of redirects. Plain numbers, read when they are asked for: a labelled counter of prom-client would
// cost more than the link's lookup.
import { Counter, Gauge, type Registry } from "prom-client";

export const redirectOutcomes = [
  "redirected",
  "missing",
  "gone",
  "preview",
  "password",
  "limited",
  "unavailable",
] as const;
export type RedirectOutcome = (typeof redirectOutcomes)[number];

export type LookupSource = "redis" | "service";

export interface LinkCounters {
  readonly outcomes: Record<RedirectOutcome, number>;
  readonly lookups: Record<LookupSource, number>;
  clicks: number;
  clicksLost: number;
}

export function createLinkCounters(): LinkCounters {
  return {
    outcomes: { redirected: 0, missing: 0, gone: 0, preview: 0, password: 0, limited: 0, unavailable: 0 },
    lookups: { redis: 0, service: 0 },
    clicks: 0,
    clicksLost: 0,
  };
}

export function createLinkMetrics(options: {
  registry: Registry;
  counters: LinkCounters;
  read: () => { links: number; missing: number; bytes: number };
}): void {
  const { counters, read } = options;
  const registers = [options.registry];
  new Counter({
    name: "millrace_ingest_link_visits_total",
    help: "Visits of short links by what they were answered.",
    labelNames: ["outcome"],
    registers,
    collect() {
      this.reset();
      for (const outcome of redirectOutcomes) this.inc({ outcome }, counters.outcomes[outcome]);
    },
  });
  new Counter({
    name: "millrace_ingest_link_lookups_total",
    help: "Links that were not in memory, by where they were found out about.",
    labelNames: ["source"],
    registers,
    collect() {
      this.reset();
      this.inc({ source: "redis" }, counters.lookups.redis);
      this.inc({ source: "service" }, counters.lookups.service);
    },
  });
  new Counter({
    name: "millrace_ingest_link_clicks_total",
    help: "Clicks handed to the log.",
    registers,
    collect() {
      this.reset();
      this.inc(counters.clicks);
    },
  });
  new Counter({
    name: "millrace_ingest_link_clicks_lost_total",
    help: "Clicks that were redirected and that the log could not take, or did not confirm.",
    registers,
    collect() {
      this.reset();
      this.inc(counters.clicksLost);
    },
  });
  new Gauge({
    name: "millrace_ingest_links_known",
    help: "Addresses in memory: links, and addresses without one.",
    labelNames: ["kind"],
    registers,
    collect() {
      const { links, missing } = read();
      this.set({ kind: "link" }, links);
      this.set({ kind: "missing" }, missing);
    },
  });
  new Gauge({
    name: "millrace_ingest_links_known_bytes",
    help: "Memory of the links in memory, estimated.",
    registers,
    collect() {
      this.set(read().bytes);
    },
  });
}
