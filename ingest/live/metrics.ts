// Metrics of the live feed at this edge, declared once.
import { Counter, Gauge, type Registry } from "prom-client";

export type LiveMetrics = ReturnType<typeof createLiveMetrics>;

export function createLiveMetrics(registry: Registry, readListeners: () => number) {
  const registers = [registry];
  return {
    listeners: new Gauge({
      name: "millrace_live_listeners",
      help: "Listeners of the live feed.",
      registers,
      collect() {
        this.set(readListeners());
      },
    }),
    ended: new Counter({
      name: "millrace_live_listeners_ended_total",
      help: "Listeners that the edge has ended, by the code that they were told.",
      labelNames: ["code"] as const,
      registers,
    }),
  };
}
