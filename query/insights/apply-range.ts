// The query that an insight asks now: what was saved, over the range that was saved or asked for.
import { invalidQuery } from "#schemas/query/check.ts";
import type { InsightKind, InsightRange } from "#schemas/insights/insight.ts";
import { queryLimits } from "#schemas/query/limits.ts";
import { buildBuckets } from "../time/buckets.ts";
import { parseInstant, startOfDayBefore } from "../time/instants.ts";
import { isTimeZone } from "../time/zone-segments.ts";

export interface RangedInsight {
  readonly kind: InsightKind;
  readonly query: Readonly<Record<string, unknown>>;
  readonly range: InsightRange | null;
}

export interface AskedRange {
  readonly from?: string | number;
  readonly to?: string | number;
  readonly timezone?: string;
}

/** Throws INVALID_QUERY. What is wrong with the range itself is left to the kind's own checks. */
export function applyRange(
  insight: RangedInsight,
  asked: AskedRange,
  nowMs: number,
): Record<string, unknown> {
  const { kind, range } = insight;
  const query: Record<string, unknown> = { ...insight.query };
  if (range !== null && (query["from"] !== undefined || query["to"] !== undefined)) {
    throw invalidQuery([{ path: "range", message: "must not be given beside `from` or `to` of the query" }]);
  }
  if (asked.timezone !== undefined) query["timezone"] = asked.timezone;
  const { from, to } = asked;
  if (to !== undefined) query["to"] = to;
  if (from !== undefined) query["from"] = from;
  if (range === null || from !== undefined) return query;

  const zone = query["timezone"] ?? "UTC";
  if (typeof zone !== "string" || !isTimeZone(zone)) return query;
  const lastMs = to === undefined ? nowMs : parseInstant(to, zone, "to");
  if (lastMs === undefined) return query;
  const fromMs = startOfDayBefore(lastMs, zone, range.days - 1);
  query["from"] = fromMs;
  if (kind === "retention" && query["periods"] === undefined) {
    const interval = query["period"] ?? "day";
    const weekStart = query["week_start"] ?? "monday";
    if (!isCalendar(interval) || !isWeekStart(weekStart)) return query;
    const bounds = { fromMs, endMs: lastMs + 1, zone, interval, weekStart };
    query["periods"] =
      buildBuckets(bounds, queryLimits.retentionPeriodsMax)?.startsMs.length ??
      queryLimits.retentionPeriodsMax;
  }
  return query;
}

function isCalendar(value: unknown): value is "hour" | "day" | "week" | "month" {
  return value === "hour" || value === "day" || value === "week" || value === "month";
}

function isWeekStart(value: unknown): value is "monday" | "sunday" {
  return value === "monday" || value === "sunday";
}
