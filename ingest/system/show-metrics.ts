// GET /metrics: the metrics of all processes, joined.
import type { NatsConnection } from "@nats-io/transport-node";
import { collectMetrics } from "#streams/metrics.ts";
import type { StatusBoard } from "#streams/status.ts";
import { authorize } from "../access/authorize.ts";
import type { KeyCache } from "../access/key-cache.ts";
import type { Handler } from "../server.ts";

const textFormat = "text/plain; version=0.0.4; charset=utf-8";

export function createShowMetrics(options: {
  connection: NatsConnection;
  keys: KeyCache;
  board: StatusBoard;
}): Handler {
  return async (exchange, head) => {
    await authorize(options.keys, head, "admin");
    const text = await collectMetrics(options.connection, options.board.entries().length);
    exchange.answer(200, text, undefined, textFormat);
  };
}
