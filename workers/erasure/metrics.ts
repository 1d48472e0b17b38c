// Metrics of erasures, declared once.
import { Counter, Gauge, type Registry } from "prom-client";
import type { ErasureLedger } from "./erasure-ledger.ts";

export type ErasureMetrics = ReturnType<typeof createErasureMetrics>;

export function createErasureMetrics(registry: Registry, ledger: ErasureLedger) {
  const registers = [registry];
  new Gauge({
    name: "millrace_erasures_open",
    help: "Erasures that wait or are under way, in the relational store; the same in every process.",
    registers,
    async collect() {
      // The store being away is told by others.
      const { open } = await ledger.count().catch(() => ({ open: Number.NaN }));
      this.set(open);
    },
  });
  return {
    erased: new Counter({
      name: "millrace_erasures_done_total",
      help: "People of whom nothing is left.",
      registers,
    }),
    failures: new Counter({
      name: "millrace_erasures_failures_total",
      help: "Tries of an erasure that failed; it is tried again.",
      registers,
    }),
  };
}
