// Which events a funnel is made of: what a kept one depends on.
import type { ReadScope } from "../../cache/read-scope.ts";
import type { FunnelRequest } from "./request.ts";

export function scopeOfFunnel({
  steps,
  exclusions,
  order,
  fromMs,
  endMs,
  windowMs,
}: FunnelRequest): ReadScope {
  return {
    // Strict ones look at what lies between the steps.
    events: order === "strict" ? [null] : [...steps, ...exclusions].map(({ event }) => event),
    fromMs,
    // Attempts that begin within the range end within the window after it.
    endMs: endMs + windowMs + 1,
    rows: true,
  };
}
