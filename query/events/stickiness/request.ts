// A stickiness query with every default filled in and every rule beyond its shape checked.
import { compileCheck, invalidQuery } from "#schemas/query/check.ts";
import { queryLimits } from "#schemas/query/limits.ts";
import { StickinessQuery } from "#schemas/query/stickiness.ts";
import type { QueryRequest } from "../../answer-query.ts";
import { checkFilters } from "../../sql/check-filters.ts";
import type { Buckets } from "../../time/buckets.ts";
import { readRange } from "../../time/range.ts";
import { readBuckets } from "../../time/read-buckets.ts";
import type { EventSelector } from "../event-conditions.ts";

export interface StickinessRequest extends QueryRequest {
  readonly series: readonly (EventSelector & { readonly label: string })[];
  readonly buckets: Buckets;
  readonly fromMs: number;
  /** First instant after the range. */
  readonly endMs: number;
}

const checkShape = compileCheck(StickinessQuery);

/** Throws INVALID_QUERY with the path of every wrong field. */
export function readStickinessRequest(body: unknown, nowMs: number): StickinessRequest {
  const query = checkShape(body);
  if (query.series !== undefined && query.event !== undefined) {
    throw invalidQuery([{ path: "event", message: "is named by `series` already" }]);
  }
  const series = query.series ?? [{ event: query.event ?? null }];
  const cohortsUsed = checkFilters([
    { path: "filters", filters: query.filters },
    ...series.map((each, index) => ({ path: `series[${index}].filters`, filters: each.filters })),
  ]);
  const range = readRange(query, nowMs);
  const interval = query.interval ?? "day";
  const buckets = readBuckets(
    { ...range, interval, weekStart: query.week_start ?? "monday" },
    queryLimits.intervalSetsMax,
  );
  return {
    series: series.map((each) => ({
      label: each.label ?? each.event ?? "Any event",
      event: each.event ?? null,
      filters: [...(query.filters ?? []), ...(each.filters ?? [])],
    })),
    buckets,
    fromMs: range.fromMs,
    endMs: range.endMs,
    cohortsUsed,
    explain: query.explain === true,
  };
}
