// Which events an answer of trends is made of: what a kept one depends on.
import { isSessionEvent } from "#schemas/query/sessions.ts";
import type { ReadScope } from "../../cache/read-scope.ts";
import { sessionMsMax } from "../../sessions/session-rows.ts";
import { planSeries } from "./plan.ts";
import type { TrendsRequest } from "./request.ts";

export function scopeOfTrends(request: TrendsRequest): ReadScope {
  const { series, periods } = request;
  // Sessions are made of all events, also of those around the range.
  const aroundMs = series.some(({ event }) => isSessionEvent(event)) ? sessionMsMax : 0;
  return {
    events: series.map(({ event }) => (isSessionEvent(event) ? null : event)),
    fromMs: Math.min(...periods.map(({ fromMs }) => fromMs)) - aroundMs,
    endMs: Math.max(...periods.map(({ endMs }) => endMs)) + aroundMs,
    rows: series.some((each) =>
      periods.some((period) => planSeries(request, each, period, {}).kind === "rows"),
    ),
  };
}
