// Metrics of all processes through one address: each answers a broadcast, the edge joins the answers.
import type { NatsConnection } from "@nats-io/transport-node";
import { AggregatorRegistry, type Registry } from "prom-client";

const subject = "metrics.collect";
const collectMsMax = 500;
const processesMax = 1000;

export function serveMetrics(connection: NatsConnection, registry: Registry): { stop(): void } {
  const subscription = connection.subscribe(subject, {
    callback: (error, message) => {
      if (error) return;
      void registry.getMetricsAsJSON().then((metrics) => message.respond(JSON.stringify(metrics)));
    },
  });
  return { stop: () => subscription.unsubscribe() };
}

/** Prometheus text of every process that answered within half a second; `expected` ends the wait early. */
export async function collectMetrics(connection: NatsConnection, expected: number): Promise<string> {
  const answers: unknown[] = [];
  const replies = await connection.requestMany(subject, "", {
    strategy: "count",
    maxMessages: Math.min(Math.max(expected, 1), processesMax),
    maxWait: collectMsMax,
  });
  for await (const reply of replies) answers.push(reply.json());
  // Labels name the process, so joining never adds up two processes' values.
  return AggregatorRegistry.aggregate(answers as never).metrics();
}
