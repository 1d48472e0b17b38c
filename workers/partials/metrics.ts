// Metrics of what is kept of selectors, declared once.
import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { SelectorCounts, SelectorLedger } from "./selector-ledger.ts";

export type PartialMetrics = ReturnType<typeof createPartialMetrics>;

export function createPartialMetrics(registry: Registry, ledger: SelectorLedger) {
  const registers = [registry];
  // Metrics are most wanted when a store is away: the others are shown then, and these as they were.
  const gauge = (name: string, help: string, read: (counts: SelectorCounts) => number) =>
    new Gauge({
      name,
      help: `${help}; the same in every process.`,
      registers,
      async collect() {
        const counts = await ledger.count().catch(() => undefined);
        if (counts !== undefined) this.set(read(counts));
      },
    });
  return {
    selectors: gauge("millrace_selectors", "Selectors that are kept", (counts) => counts.selectors),
    failing: gauge(
      "millrace_selectors_failing",
      "Selectors whose last try failed",
      (counts) => counts.failing,
    ),
    behind: gauge(
      "millrace_selector_days_behind",
      "Closed days of events that are to be computed for selectors",
      (counts) => counts.behind,
    ),
    learnedNow: gauge(
      "millrace_selectors_learned",
      "Selectors that are kept because questions lacked them",
      (counts) => counts.learned,
    ),
    learned: new Counter({
      name: "millrace_selectors_learned_total",
      help: "Decisions about selectors that nobody chose: learned, dropped (no longer asked for, or less than others), refused (too many values).",
      labelNames: ["outcome"] as const,
      registers,
    }),
    days: new Counter({
      name: "millrace_selector_days_total",
      help: "Days of events that were computed for selectors: kept, refused for their many values, or left because rows came meanwhile.",
      labelNames: ["outcome"] as const,
      registers,
    }),
    roundSeconds: new Histogram({
      name: "millrace_selector_round_seconds",
      help: "Time of one round of work on one selector.",
      buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120],
      registers,
    }),
  };
}
