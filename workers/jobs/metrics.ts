// Metrics of jobs, declared once.
import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { JobLedger } from "./job-ledger.ts";

export type JobMetrics = ReturnType<typeof createJobMetrics>;

export function createJobMetrics(registry: Registry, ledger: JobLedger) {
  const registers = [registry];
  // While the relational store is away, the last known numbers stay.
  const count = () => ledger.count().catch(() => undefined);
  return {
    jobs: new Counter({
      name: "millrace_query_jobs_total",
      help: "Tries of jobs that ended, by outcome.",
      labelNames: ["outcome"] as const,
      registers,
    }),
    jobSeconds: new Histogram({
      name: "millrace_query_job_seconds",
      help: "Time of one try of one job.",
      buckets: [0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 3600],
      registers,
    }),
    waiting: new Gauge({
      name: "millrace_query_jobs_waiting",
      help: "Jobs that wait for a place; the same in every process.",
      registers,
      async collect() {
        const counts = await count();
        if (counts !== undefined) this.set(counts.waiting);
      },
    }),
    running: new Gauge({
      name: "millrace_query_jobs_running",
      help: "Jobs that run; the same in every process.",
      registers,
      async collect() {
        const counts = await count();
        if (counts !== undefined) this.set(counts.running);
      },
    }),
  };
}
