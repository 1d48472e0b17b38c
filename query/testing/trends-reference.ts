// For tests: what trends mean, written as plainly as possible over arrays of events.
import type { Filter } from "#schemas/query/filter.ts";
import { breakdownNone, breakdownOther, type TrendsQuery } from "#schemas/query/trends.ts";
import { aggregate, intervalStart, textOf, type ReferenceEvent } from "./naive-reference.ts";
import type { Period, TrendSeries, TrendsRequest } from "../events/trends/request.ts";
import type { Line } from "../events/trends/shape.ts";
import type { ValueSource } from "../sql/value-text.ts";

/** What the reference counts; `user` of its events is the person. */
export interface ReferenceData {
  readonly events: readonly ReferenceEvent[];
  matches(event: ReferenceEvent, filters: readonly Filter[]): boolean;
  valueOf(event: ReferenceEvent, source: ValueSource): unknown;
  isMember(event: ReferenceEvent, cohort: string): boolean;
}

export interface ExpectedLine {
  readonly series: TrendSeries;
  readonly period: Period;
  readonly line: Line;
}

/** Every line of the answer, in its order; a formula's are not among them. */
export function expectedTrends(
  data: ReferenceData,
  query: TrendsQuery,
  request: TrendsRequest,
): ExpectedLine[] {
  return request.series.flatMap((series) =>
    request.periods.flatMap((period) =>
      linesOf(data, query, request, series, period).map((line) => ({ line, period, series })),
    ),
  );
}

function inPeriod(data: ReferenceData, period: Period, series: TrendSeries): ReferenceEvent[] {
  return data.events.filter(
    (event) =>
      event.timestampMs >= period.fromMs &&
      event.timestampMs < period.endMs &&
      (series.event === null || series.event === event.event) &&
      data.matches(event, series.filters),
  );
}

function linesOf(
  data: ReferenceData,
  query: TrendsQuery,
  request: TrendsRequest,
  series: TrendSeries,
  period: Period,
): Line[] {
  const all = inPeriod(data, period, series);
  const line = (breakdown: string | null, group: readonly ReferenceEvent[]): Line => {
    const buckets = Map.groupBy(group, (event) =>
      intervalStart(
        event.timestampMs,
        query.timezone ?? "UTC",
        query.interval ?? "day",
        query.week_start ?? "monday",
      ),
    );
    const unknown = [...buckets.keys()].find((start) => !period.buckets.startsMs.includes(start));
    if (unknown !== undefined) throw new Error(`no bucket begins at ${new Date(unknown).toISOString()}`);
    return {
      breakdown,
      values: period.buckets.startsMs.map((start) =>
        aggregate(buckets.get(start) ?? [], series.math, series.property),
      ),
      total: aggregate(group, series.math, series.property),
    };
  };
  const { breakdown } = request;
  if (breakdown === undefined) return [line(null, all)];
  if ("cohorts" in breakdown) {
    return breakdown.cohorts.map((id) =>
      line(
        id,
        all.filter((event) => data.isMember(event, id)),
      ),
    );
  }
  const textIn = (event: ReferenceEvent): string | null => textOf(data.valueOf(event, breakdown));
  const top = topValues(inPeriod(data, request.periods[0] as Period, series), series, textIn).slice(
    0,
    breakdown.limit,
  );
  const rest = all.filter((event) => !top.includes(textIn(event)));
  return [
    ...top.map((value) =>
      line(
        value ?? breakdownNone,
        all.filter((event) => textIn(event) === value),
      ),
    ),
    // Without a single value there is no line at all, in the period before neither.
    ...(top.length > 0 && rest.length > 0 ? [line(breakdownOther, rest)] : []),
  ];
}

/** Values with the highest totals first, ties by value, missing last. */
function topValues(
  events: readonly ReferenceEvent[],
  series: TrendSeries,
  textIn: (event: ReferenceEvent) => string | null,
): (string | null)[] {
  const groups = Map.groupBy(events, textIn);
  const totals = [...groups].map(([value, group]) => ({
    value,
    total: aggregate(group, series.math, series.property),
  }));
  const bytes = (text: string | null): Buffer => Buffer.from(text ?? "");
  totals.sort((left, right) => {
    if (left.total === null || right.total === null) {
      if (left.total !== right.total) return left.total === null ? 1 : -1;
    } else if (Math.abs(left.total - right.total) > 1e-9) return right.total - left.total;
    if (left.value === null || right.value === null) return left.value === null ? 1 : -1;
    return Buffer.compare(bytes(left.value), bytes(right.value));
  });
  return totals.map((each) => each.value);
}
