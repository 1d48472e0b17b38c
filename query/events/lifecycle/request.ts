// A lifecycle query with every default filled in and every rule beyond its shape checked.
import { compileCheck } from "#schemas/query/check.ts";
import { LifecycleQuery } from "#schemas/query/lifecycle.ts";
import { queryLimits } from "#schemas/query/limits.ts";
import type { QueryRequest } from "../../answer-query.ts";
import { checkFilters } from "../../sql/check-filters.ts";
import type { Buckets } from "../../time/buckets.ts";
import { bucketsUpTo } from "../../time/count-buckets.ts";
import { readRange } from "../../time/range.ts";
import { readBuckets } from "../../time/read-buckets.ts";
import type { EventSelector } from "../event-conditions.ts";

export interface LifecycleRequest extends QueryRequest {
  readonly selector: EventSelector;
  /** Whole intervals; the first is the one before the range. */
  readonly buckets: Buckets;
  /** First instant after the range. */
  readonly endMs: number;
}

const checkShape = compileCheck(LifecycleQuery);

/** Throws INVALID_QUERY with the path of every wrong field. */
export function readLifecycleRequest(body: unknown, nowMs: number): LifecycleRequest {
  const query = checkShape(body);
  const cohortsUsed = checkFilters([{ path: "filters", filters: query.filters }]);
  const range = readRange(query, nowMs);
  const interval = query.interval ?? "day";
  const calendar = { zone: range.zone, interval, weekStart: query.week_start ?? "monday" };
  const { startsMs, endMs } = readBuckets({ ...range, ...calendar }, queryLimits.intervalSetsMax);
  const before = bucketsUpTo((startsMs[0] as number) - 1, 1, calendar);
  return {
    selector: { event: query.event ?? null, filters: query.filters ?? [] },
    buckets: { startsMs: [...before.startsMs, ...startsMs], endMs },
    endMs: range.endMs,
    cohortsUsed,
    explain: query.explain === true,
  };
}
