// A trends query with every default filled in and every rule beyond its shape checked; nothing is asked of a store.
import { compileCheck, invalidQuery, type FieldProblem } from "#schemas/query/check.ts";
import type { Filter } from "#schemas/query/filter.ts";
import { queryLimits } from "#schemas/query/limits.ts";
import { propertyMaths, TrendsQuery, type TrendMath } from "#schemas/query/trends.ts";
import type { QueryRequest } from "../../answer-query.ts";
import type { CohortUse } from "../../people/people.ts";
import { checkFilters, checkProperty } from "../../sql/check-filters.ts";
import type { Buckets } from "../../time/buckets.ts";
import { previousPeriod } from "../../time/previous-period.ts";
import type { ValueSource } from "../../sql/value-text.ts";
import { readRange, type Range } from "../../time/range.ts";
import { readBuckets } from "../../time/read-buckets.ts";
import { parseFormula, type Formula } from "./formula.ts";

export interface TrendSeries {
  readonly label: string;
  /** Null: any event. */
  readonly event: string | null;
  readonly math: TrendMath;
  readonly property: string | undefined;
  /** The series' own and the query's. */
  readonly filters: readonly Filter[];
}

/** One stretch of time that is answered: the range asked for, or the period before it. */
export interface Period {
  readonly fromMs: number;
  /** First instant after the period. */
  readonly endMs: number;
  readonly buckets: Buckets;
  readonly compare: boolean;
}

export interface TrendsRequest extends QueryRequest {
  readonly series: readonly TrendSeries[];
  readonly formula: { readonly text: string; readonly parsed: Formula } | undefined;
  readonly periods: readonly Period[];
  readonly breakdown: TrendBreakdown | undefined;
}

export type TrendBreakdown =
  | (ValueSource & { readonly limit: number })
  /** One line for each, of its members. */
  | { readonly cohorts: readonly string[] };

const breakdownLimitDefault = 25;
const checkShape = compileCheck(TrendsQuery);

/** Throws INVALID_QUERY with the path of every wrong field. */
export function readTrendsRequest(body: unknown, nowMs: number): TrendsRequest {
  const query = checkShape(body);
  const cohortsUsed = checkFilters([
    { path: "filters", filters: query.filters },
    ...query.series.map((series, index) => ({ path: `series[${index}].filters`, filters: series.filters })),
  ]);
  const problems: FieldProblem[] = [];
  const series = query.series.map((given, index): TrendSeries => {
    const math = given.math ?? "total";
    const path = `series[${index}]`;
    if (given.property !== undefined) problems.push(...checkProperty(given.property, undefined, path));
    if (propertyMaths.has(math) && given.property === undefined) {
      problems.push({ path: `${path}.property`, message: `is required for ${math}` });
    }
    return {
      label: given.label ?? given.event ?? "Any event",
      event: given.event ?? null,
      math,
      property: propertyMaths.has(math) ? given.property : undefined,
      filters: [...(query.filters ?? []), ...(given.filters ?? [])],
    };
  });
  const breakdown = readBreakdown(query.breakdown);
  if (breakdown !== undefined && "property" in breakdown) {
    problems.push(...checkProperty(breakdown.property, breakdown.on, "breakdown"));
  }
  let formula: TrendsRequest["formula"];
  if (query.formula !== undefined) {
    const parsed = parseFormula(
      query.formula,
      query.series.map((given) => given.label),
    );
    if (typeof parsed === "string") problems.push({ path: "formula", message: parsed });
    else formula = { text: query.formula, parsed };
  }
  if (problems.length > 0) throw invalidQuery(problems);

  const range = readRange(query, nowMs);
  const interval = query.interval ?? "day";
  const weekStart = query.week_start ?? "monday";
  const ranges: (Range & { compare: boolean })[] = [{ ...range, compare: false }];
  if (query.compare === true)
    ranges.push({ ...range, ...previousPeriod(range, range.zone, interval), compare: true });
  const columns = series.length + (formula === undefined ? 0 : 1);
  const linesMax = ranges.length * columns * linesOfSeriesMax(breakdown);
  const bucketsMax = Math.min(queryLimits.bucketsMax, Math.floor(queryLimits.pointsMax / linesMax));
  return {
    series,
    formula,
    periods: ranges.map((each) => ({
      fromMs: each.fromMs,
      endMs: each.endMs,
      compare: each.compare,
      buckets: readBuckets({ ...each, interval, weekStart }, bucketsMax),
    })),
    breakdown,
    cohortsUsed: [...cohortsUsed, ...cohortsOf(breakdown)],
    explain: query.explain === true,
  };
}

function readBreakdown(given: TrendsQuery["breakdown"]): TrendBreakdown | undefined {
  if (given === undefined || "cohorts" in given) return given;
  const { property, on, limit } = given;
  return { property, on: on ?? "event", limit: limit ?? breakdownLimitDefault };
}

function cohortsOf(breakdown: TrendBreakdown | undefined): CohortUse[] {
  if (breakdown === undefined || !("cohorts" in breakdown)) return [];
  return breakdown.cohorts.map((id, index) => ({ id, path: `breakdown.cohorts[${index}]` }));
}

function linesOfSeriesMax(breakdown: TrendBreakdown | undefined): number {
  if (breakdown === undefined) return 1;
  return "cohorts" in breakdown ? breakdown.cohorts.length : breakdown.limit + 1;
}
