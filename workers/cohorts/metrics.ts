// Metrics of cohorts, declared once.
import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { RefreshLedger } from "./refresh-ledger.ts";

export type CohortMetrics = ReturnType<typeof createCohortMetrics>;

export function createCohortMetrics(registry: Registry, ledger: RefreshLedger) {
  const registers = [registry];
  // Metrics are most wanted when a store is away: the others are shown then, and these as they were.
  const count = () => ledger.count().catch(() => undefined);
  return {
    refreshes: new Counter({
      name: "millrace_cohort_refreshes_total",
      help: "Refreshes of cohorts that ended.",
      labelNames: ["outcome"] as const,
      registers,
    }),
    refreshSeconds: new Histogram({
      name: "millrace_cohort_refresh_seconds",
      help: "Time of one refresh of one cohort.",
      buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
      registers,
    }),
    failing: new Gauge({
      name: "millrace_cohorts_failing",
      help: "Cohorts whose last refresh failed; the same in every process.",
      registers,
      async collect() {
        const counts = await count();
        if (counts !== undefined) this.set(counts.failing);
      },
    }),
    overdue: new Gauge({
      name: "millrace_cohorts_overdue",
      help: "Cohorts that were not refreshed for a minute; the same in every process.",
      registers,
      async collect() {
        const counts = await count();
        if (counts !== undefined) this.set(counts.overdue);
      },
    }),
  };
}
