// Metrics of links, declared once.
import { Counter, type Registry } from "prom-client";

export type LinkMetrics = ReturnType<typeof createLinkMetrics>;

export function createLinkMetrics(registry: Registry) {
  return {
    codeConflicts: new Counter({
      name: "millrace_link_code_conflicts_total",
      help: "Drawn codes of links that were taken already.",
      registers: [registry],
    }),
    titles: new Counter({
      name: "millrace_link_titles_total",
      help: "Pages that were looked at for a link's title, by outcome.",
      labelNames: ["outcome"] as const,
      registers: [registry],
    }),
  };
}
