// Step 2: what the stores rely on. The edge checks the same before it accepts, so a violation here comes from
// another writer of the log; the event is quarantined with the reason instead of stopping its partition.
import { eventLimits } from "#schemas/events/event.ts";
import type { Outcome, PipelineEvent } from "./pipeline-event.ts";

/** Range of the stores' time type. */
const timestampMsMin = Date.UTC(1900, 0, 1);
const timestampMsMax = Date.UTC(2299, 11, 31, 23, 59, 59, 999);

function problemOf({ log }: PipelineEvent): { reason: string; message: string } | undefined {
  if (log.event === "" || log.event.length > eventLimits.nameLengthMax) {
    return { reason: "EVENT_NAME_INVALID", message: "the event's name is empty or too long" };
  }
  if (log.event_id === "" || log.event_id.length > eventLimits.idLengthMax) {
    return { reason: "EVENT_ID_INVALID", message: "the event's id is empty or too long" };
  }
  if (log.user_id === "" && log.anonymous_id === "") {
    return { reason: "USER_MISSING", message: "the event names no user" };
  }
  if (!(log.timestamp >= timestampMsMin && log.timestamp <= timestampMsMax)) {
    return { reason: "TIMESTAMP_INVALID", message: "the event's time is outside 1900..2299" };
  }
  if (!log.properties.startsWith("{") || !log.context.startsWith("{")) {
    return { reason: "PROPERTIES_INVALID", message: "properties or context is not a JSON object" };
  }
  return undefined;
}

export function validateEvents(events: readonly PipelineEvent[]): {
  valid: PipelineEvent[];
  quarantined: Outcome[];
} {
  const valid: PipelineEvent[] = [];
  const quarantined: Outcome[] = [];
  for (const event of events) {
    const problem = problemOf(event);
    if (problem) quarantined.push({ event, outcome: "quarantined", ...problem });
    else valid.push(event);
  }
  return { valid, quarantined };
}
