// GET /healthz and GET /readyz: whether this process answers, and whether the whole path of an event is there.
import { MillraceError } from "#schemas/errors.ts";
import type { Publisher } from "#streams/publisher.ts";
import type { StatusBoard } from "#streams/status.ts";
import type { Handler } from "../server.ts";

export function createHealth(): Handler {
  return (exchange) => exchange.answer(200, '{"status":"ok"}');
}

/** The streams were ensured before the edge listens, so a connected publisher means a log that takes events. */
export function createReadiness(options: { publisher: Publisher; board: StatusBoard }): Handler {
  return (exchange) => {
    const missing = [
      ...(options.publisher.connected ? [] : ["log"]),
      ...(options.board.ready("workers") ? [] : ["workers"]),
      ...(options.board.ready("query") ? [] : ["query"]),
    ];
    if (missing.length > 0) {
      throw new MillraceError("SERVICE_UNAVAILABLE", {
        message: `Not ready; missing: ${missing.join(", ")}.`,
        details: missing.map((part) => ({ missing: part })),
        retryAfterSeconds: 1,
      });
    }
    exchange.answer(200, '{"status":"ready"}');
  };
}
