// Metrics of retention, declared once.
import { Counter, type Registry } from "prom-client";

export type RetentionMetrics = ReturnType<typeof createRetentionMetrics>;

export function createRetentionMetrics(registry: Registry) {
  const registers = [registry];
  return {
    partitionsRemoved: new Counter({
      name: "millrace_retention_partitions_removed_total",
      help: "Partitions of stored events that were emptied of what was too old.",
      registers,
    }),
    rowsArchived: new Counter({
      name: "millrace_retention_rows_archived_total",
      help: "Events that were copied into archives, read back and compared.",
      registers,
    }),
    rowsRestored: new Counter({
      name: "millrace_retention_rows_restored_total",
      help: "Events that came back from archives.",
      registers,
    }),
    failures: new Counter({
      name: "millrace_retention_failures_total",
      help: "Removals, restores and their like that failed and are tried again.",
      registers,
    }),
  };
}
