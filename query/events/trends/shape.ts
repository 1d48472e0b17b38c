// Rows of the store as series of the answer: every bucket present, in order, labelled with its local start.
import { breakdownNone, breakdownOther, type TrendsAnswerSeries } from "#schemas/query/trends.ts";
import { bucketIndexes } from "../../sql/bucket-numbers.ts";
import { isZeroWhenEmpty } from "./aggregate-sql.ts";
import { otherRank } from "../../sql/value-rank.ts";
import { evaluateFormula } from "./formula.ts";
import type { Period, TrendSeries, TrendsRequest } from "./request.ts";

/** Values of one series, one period, one breakdown value. */
export interface Line {
  /** Null: the query has no breakdown. */
  readonly breakdown: string | null;
  readonly values: (number | null)[];
  total: number | null;
}

/** Columns of the rows: see compile.ts. `top` is given with a breakdown. */
export function shapeLines(
  rows: readonly (readonly unknown[])[],
  series: TrendSeries,
  period: Period,
  top: readonly (string | null)[] | undefined,
): Line[] {
  const empty = isZeroWhenEmpty(series.math) ? 0 : null;
  const indexOf = bucketIndexes(period.buckets);
  const newLine = (breakdown: string | null): Line => ({
    breakdown,
    values: new Array<number | null>(period.buckets.startsMs.length).fill(empty),
    total: empty,
  });
  const lines = new Map<number, Line>();
  if (top === undefined) lines.set(1, newLine(null));
  else top.forEach((value, index) => lines.set(index + 1, newLine(value ?? breakdownNone)));

  for (const row of rows) {
    const [rank, allRanks, bucket, allBuckets, value] = row as [
      number,
      number,
      number,
      number,
      number | null,
    ];
    if (allRanks === 1) continue;
    let line = lines.get(rank);
    if (line === undefined) {
      line = newLine(breakdownOther);
      lines.set(otherRank, line);
    }
    if (allBuckets === 1) {
      line.total = value;
      continue;
    }
    const index = indexOf(bucket);
    if (index === undefined) throw new Error(`trends: the store answered an unknown bucket ${bucket}`);
    line.values[index] = value;
  }
  // Inserted last, so $other is last.
  return [...lines.values()];
}

interface PeriodLines {
  readonly period: Period;
  /** One list a series of the request. */
  readonly lines: readonly (readonly Line[])[];
}

/** The answer's series: for each series its breakdown values, then its period before; the formula last. */
export function shapeSeries(request: TrendsRequest, periods: readonly PeriodLines[]): TrendsAnswerSeries[] {
  const answers: TrendsAnswerSeries[] = [];
  const starts = new Map(
    periods.map(({ period }) => [
      period,
      period.buckets.startsMs.map((start) => new Date(start).toISOString()),
    ]),
  );
  const add = (label: string, line: Line, period: Period): void => {
    answers.push({
      label,
      breakdown: line.breakdown,
      ...(period.compare ? { compare: true as const } : {}),
      buckets: starts.get(period) ?? [],
      values: line.values,
      total: line.total,
    });
  };
  request.series.forEach((series, index) => {
    for (const { period, lines } of periods)
      for (const line of lines[index] ?? []) add(series.label, line, period);
  });
  if (request.formula !== undefined) {
    for (const { period, lines } of periods) {
      for (const line of formulaLines(request, lines, period)) add(request.formula.text, line, period);
    }
  }
  return answers;
}

/** The formula over lines with the same breakdown value; a series that lacks the value counts as empty. */
function formulaLines(request: TrendsRequest, lines: readonly (readonly Line[])[], period: Period): Line[] {
  const formula = request.formula?.parsed;
  if (formula === undefined) return [];
  const keys = [...new Set(lines.flatMap((each) => each.map((line) => line.breakdown)))];
  // $other last, as everywhere.
  keys.sort((left, right) => Number(left === breakdownOther) - Number(right === breakdownOther));
  return keys.map((breakdown) => {
    const matching = request.series.map((series, index) => ({
      empty: isZeroWhenEmpty(series.math) ? 0 : null,
      line: lines[index]?.find((line) => line.breakdown === breakdown),
    }));
    return {
      breakdown,
      values: period.buckets.startsMs.map((_, bucket) =>
        evaluateFormula(
          formula,
          matching.map(({ empty, line }) => (line === undefined ? empty : (line.values[bucket] ?? null))),
        ),
      ),
      total: evaluateFormula(
        formula,
        matching.map(({ empty, line }) => (line === undefined ? empty : line.total)),
      ),
    };
  });
}
