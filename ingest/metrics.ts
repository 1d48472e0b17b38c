// The metrics of the ingest tier, all of them. What is counted per request is a plain number in an array, handed to
// the registry when it is read: a labelled counter of prom-client costs 0.5 µs an increment.
import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { ErrorCode } from "#schemas/errors.ts";
import type { PublisherObserver } from "#streams/publisher-limits.ts";
import type { EventsObserver } from "./events/intake.ts";
import type { ExchangeObserver, RouteTraits } from "./server/exchange.ts";

export interface IngestMetrics {
  readonly exchanges: ExchangeObserver;
  readonly events: EventsObserver;
  readonly blocks: PublisherObserver;
}

const statusClasses = 6;

export function createIngestMetrics(options: {
  registry: Registry;
  routes: readonly RouteTraits[];
  read: () => { pendingBytes: number; bodyBytes: number; lagEvents: number };
}): IngestMetrics {
  const registers = [options.registry];
  const requests = new Float64Array(options.routes.length * statusClasses);
  let acceptedEvents = 0;
  let bodyBytes = 0;
  const rejectedEvents = new Map<ErrorCode, number>();

  new Counter({
    name: "millrace_ingest_requests_total",
    help: "Requests by route and class of the status; 4xx includes clients that left before the answer.",
    labelNames: ["method", "route", "status"],
    registers,
    collect() {
      this.reset();
      for (const [index, { method, path }] of options.routes.entries()) {
        for (let status = 1; status < statusClasses; status += 1) {
          const count = requests[index * statusClasses + status] as number;
          if (count > 0) this.inc({ method, route: path, status: `${status}xx` }, count);
        }
      }
    },
  });
  new Counter({
    name: "millrace_ingest_events_accepted_total",
    help: "Events handed to the log.",
    registers,
    collect() {
      this.reset();
      this.inc(acceptedEvents);
    },
  });
  new Counter({
    name: "millrace_ingest_events_rejected_total",
    help: "Events refused one by one, by code.",
    labelNames: ["code"],
    registers,
    collect() {
      this.reset();
      for (const [code, count] of rejectedEvents) this.inc({ code }, count);
    },
  });
  new Counter({
    name: "millrace_ingest_body_bytes_total",
    help: "Bytes of bodies of events, after decompression.",
    registers,
    collect() {
      this.reset();
      this.inc(bodyBytes);
    },
  });
  new Gauge({
    name: "millrace_ingest_pending_bytes",
    help: "Bytes of events that the log has not confirmed yet.",
    registers,
    collect() {
      this.set(options.read().pendingBytes);
    },
  });
  new Gauge({
    name: "millrace_ingest_bodies_in_flight_bytes",
    help: "Bytes of bodies that are being received or decompressed.",
    registers,
    collect() {
      this.set(options.read().bodyBytes);
    },
  });
  new Gauge({
    name: "millrace_ingest_lag_events",
    help: "Events in the log that wait to be stored, as the workers estimate.",
    registers,
    collect() {
      this.set(options.read().lagEvents);
    },
  });
  const commitSeconds = new Histogram({
    name: "millrace_ingest_commit_seconds",
    help: "From a block's first event to the log's confirmation.",
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers,
  });
  const blockBytes = new Histogram({
    name: "millrace_ingest_block_bytes",
    help: "Size of the blocks of the group commit.",
    buckets: [256, 1024, 4096, 16_384, 65_536, 131_072, 262_144],
    registers,
  });
  const blockEvents = new Histogram({
    name: "millrace_ingest_block_events",
    help: "Events of the blocks of the group commit.",
    buckets: [1, 4, 16, 64, 256, 1024, 4096],
    registers,
  });
  const unconfirmed = new Counter({
    name: "millrace_ingest_events_unconfirmed_total",
    help: "Events whose requests failed because the log did not confirm them.",
    registers,
  });

  return {
    exchanges: {
      finished(route, status) {
        const slot = route.index * statusClasses + Math.floor(status / 100);
        requests[slot] = (requests[slot] as number) + 1;
      },
    },
    events: {
      accepted(events, bytes) {
        acceptedEvents += events;
        bodyBytes += bytes;
      },
      rejected(code) {
        rejectedEvents.set(code, (rejectedEvents.get(code) ?? 0) + 1);
      },
    },
    blocks: {
      blockStored(events, bytes, latencyMs) {
        commitSeconds.observe(latencyMs / 1000);
        blockBytes.observe(bytes);
        blockEvents.observe(events);
      },
      blockFailed(events) {
        unconfirmed.inc(events);
      },
    },
  };
}
