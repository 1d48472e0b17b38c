// Metrics of alerts, declared once.
import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { DeliveryOutbox } from "./delivery-outbox.ts";
import type { EvaluationLedger } from "./evaluation-ledger.ts";

export type AlertMetrics = ReturnType<typeof createAlertMetrics>;

export function createAlertMetrics(registry: Registry, ledger: EvaluationLedger, outbox: DeliveryOutbox) {
  const registers = [registry];
  // While the relational store is away, the last known numbers stay.
  const countAlerts = () => ledger.count().catch(() => undefined);
  return {
    evaluations: new Counter({
      name: "millrace_alert_evaluations_total",
      help: "Evaluations of alerts that ended, by outcome.",
      labelNames: ["outcome"] as const,
      registers,
    }),
    evaluationSeconds: new Histogram({
      name: "millrace_alert_evaluation_seconds",
      help: "Time of one evaluation of one alert.",
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
      registers,
    }),
    deliveries: new Counter({
      name: "millrace_alert_deliveries_total",
      help: "Attempts to tell somebody, by type of destination and outcome.",
      labelNames: ["type", "outcome"] as const,
      registers,
    }),
    pending: new Gauge({
      name: "millrace_alert_deliveries_pending",
      help: "Notifications that are still to be told; the same in every process.",
      registers,
      async collect() {
        const counts = await outbox.count().catch(() => undefined);
        if (counts !== undefined) this.set(counts.pending);
      },
    }),
    alerts: new Gauge({
      name: "millrace_alerts",
      help: "Alerts that are firing, failing, or overdue for a minute; the same in every process.",
      labelNames: ["state"] as const,
      registers,
      async collect() {
        const counts = await countAlerts();
        if (counts === undefined) return;
        this.set({ state: "firing" }, counts.firing);
        this.set({ state: "failing" }, counts.failing);
        this.set({ state: "overdue" }, counts.overdue);
      },
    }),
  };
}
