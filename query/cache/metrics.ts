// Metrics of kept answers.
import { Counter, Gauge, type Registry } from "prom-client";

export interface CacheMetrics {
  readonly answers: Counter<"outcome">;
  readonly bytes: Gauge;
}

export function createCacheMetrics(registry: Registry, readBytes: () => number): CacheMetrics {
  const registers = [registry];
  return {
    answers: new Counter({
      name: "millrace_query_answers_total",
      help: "Answers by where they came from: kept in memory, kept in redis, shared with one under way, computed (miss), or never kept (none).",
      labelNames: ["outcome"],
      registers,
    }),
    bytes: new Gauge({
      name: "millrace_query_cache_bytes",
      help: "Bytes of answers that this process keeps.",
      registers,
      collect() {
        this.set(readBytes());
      },
    }),
  };
}
