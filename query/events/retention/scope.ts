// Which events a retention table is made of: what a kept one depends on.
import { areSets } from "../../people/person-set.ts";
import { allBefore, type ReadScope } from "../../cache/read-scope.ts";
import type { RetentionRequest } from "./request.ts";

export function scopeOfRetention(request: RetentionRequest): ReadScope {
  const { target, returning, type, breakdown, occurrencesMin } = request;
  const { startsMs, endMs } = request.buckets;
  const events = [target.event, returning.event];
  const sets = areSets(target.filters) && areSets(returning.filters) && occurrencesMin === 1;
  const rows = !sets || (breakdown !== undefined && "property" in breakdown);
  // The first event ever may lie anywhere before.
  if (type === "first_time") return { events, ...allBefore(endMs), rows };
  return { events, fromMs: startsMs[0] as number, endMs, rows };
}
