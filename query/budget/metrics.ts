// Metrics of queries that take turns.
import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import { lanes, type FairGate, type Lane } from "./fair-gate.ts";

export interface BudgetMetrics {
  readonly waitSeconds: Histogram<"lane">;
  readonly refused: Counter;
}

export function createBudgetMetrics(registry: Registry, gate: FairGate): BudgetMetrics {
  const registers = [registry];
  const running = new Gauge<"lane">({
    name: "millrace_query_running",
    help: "Queries that run, by lane: light, heavy, or in the background.",
    labelNames: ["lane"],
    registers,
    collect() {
      for (const lane of lanes) this.set({ lane }, gate.running(lane));
    },
  });
  for (const lane of lanes) running.set({ lane } satisfies { lane: Lane }, 0);
  // Read when it is collected.
  void new Gauge({
    name: "millrace_query_waiting",
    help: "Queries that wait for their turn.",
    registers,
    collect() {
      this.set(gate.waiting);
    },
  });
  return {
    waitSeconds: new Histogram({
      name: "millrace_query_wait_seconds",
      help: "Time that a query waited for its turn, by lane.",
      labelNames: ["lane"],
      buckets: [0.001, 0.01, 0.1, 0.5, 1, 2.5, 5, 10, 20],
      registers,
    }),
    refused: new Counter({
      name: "millrace_query_refused_total",
      help: "Queries that were refused because too many of their project were under way.",
      registers,
    }),
  };
}
