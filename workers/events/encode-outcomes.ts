// Repeats and quarantined events as rows of the table of outcomes: what receipts and replays read.
import type { Outcome } from "./pipeline-event.ts";

/** JSON lines for `INSERT INTO event_outcomes FORMAT JSONEachRow`. Only quarantined events keep their payload. */
export function encodeOutcomes(outcomes: readonly Outcome[], partition: number): Uint8Array {
  const lines = outcomes.map(({ event, outcome, reason, message }) =>
    JSON.stringify({
      project_id: event.log.project_id,
      event_id: event.log.event_id,
      outcome,
      reason,
      message,
      payload: outcome === "quarantined" ? JSON.stringify(event.log) : "",
      received_at: event.log.received_at,
      log_partition: partition,
      log_sequence: event.sequence,
      log_index: event.index,
    }),
  );
  return new TextEncoder().encode(lines.join("\n"));
}
