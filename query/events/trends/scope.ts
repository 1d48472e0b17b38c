// Which events an answer of trends is made of: what a kept one depends on.
import type { ReadScope } from "../../cache/read-scope.ts";
import { planSeries } from "./plan.ts";
import type { TrendsRequest } from "./request.ts";

export function scopeOfTrends(request: TrendsRequest): ReadScope {
  const { series, periods } = request;
  return {
    events: series.map(({ event }) => event),
    fromMs: Math.min(...periods.map(({ fromMs }) => fromMs)),
    endMs: Math.max(...periods.map(({ endMs }) => endMs)),
    rows: series.some((each) =>
      periods.some((period) => planSeries(request, each, period, {}).kind === "rows"),
    ),
  };
}
