// Metrics of saved insights, declared once.
import { Counter, Gauge, type Registry } from "prom-client";
import type { FunnelLedger } from "./funnel-ledger.ts";

export type InsightMetrics = ReturnType<typeof createInsightMetrics>;

export function createInsightMetrics(registry: Registry, ledger: FunnelLedger) {
  const registers = [registry];
  // Metrics are most wanted when a store is away: the others are shown then, and these as they were.
  const count = () => ledger.count().catch(() => undefined);
  return {
    daysMade: new Counter({
      name: "millrace_funnel_days_made_total",
      help: "Days of saved funnels that were made, for the first time or because their data had changed.",
      registers,
    }),
    rounds: new Counter({
      name: "millrace_funnel_day_rounds_total",
      help: "Times that the days of a saved funnel were looked through.",
      labelNames: ["outcome"] as const,
      registers,
    }),
    kept: new Gauge({
      name: "millrace_funnels_kept",
      help: "Saved funnels whose days are kept; the same in every process.",
      registers,
      async collect() {
        const counts = await count();
        if (counts !== undefined) this.set(counts.kept);
      },
    }),
    waiting: new Gauge({
      name: "millrace_funnels_waiting",
      help: "Saved funnels whose days have never been whole yet; the same in every process.",
      registers,
      async collect() {
        const counts = await count();
        if (counts !== undefined) this.set(counts.waiting);
      },
    }),
    failing: new Gauge({
      name: "millrace_funnels_failing",
      help: "Saved funnels whose last round failed; the same in every process.",
      registers,
      async collect() {
        const counts = await count();
        if (counts !== undefined) this.set(counts.failing);
      },
    }),
  };
}
