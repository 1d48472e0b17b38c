// A process's metrics registry with Node's own metrics; each tier declares its metrics in one file of its own.
import { collectDefaultMetrics, Registry } from "prom-client";

export function createRegistry(labels: { tier: string; instance: string }): Registry {
  const registry = new Registry();
  registry.setDefaultLabels(labels);
  collectDefaultMetrics({ register: registry, prefix: "millrace_" });
  return registry;
}
