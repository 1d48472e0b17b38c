// The maths of trends as aggregates over raw events.
import type { TrendMath } from "#schemas/query/trends.ts";
import { personSql } from "../../people/person-sql.ts";
import { propertyIn, type SqlContext } from "../../sql/context.ts";

const quantileLevels: Readonly<Partial<Record<TrendMath, string>>> = {
  median: "0.5",
  p75: "0.75",
  p90: "0.9",
  p95: "0.95",
  p99: "0.99",
};

export function isQuantile(math: TrendMath): boolean {
  return Object.hasOwn(quantileLevels, math);
}

/** True when a bucket without events is 0; averages, extremes and quantiles of nothing are null. */
export function isZeroWhenEmpty(math: TrendMath): boolean {
  return math === "total" || math === "unique_users" || math === "per_user" || math === "sum";
}

/**
 * One aggregate over rows of `events`, of `steps` where no property is asked for, or of sessions.
 * Sums are compensated (Kahan): the order in which threads add must not show in the last digits.
 * Quantiles interpolate between the two nearest values, like percentile_cont, unless they are approximated.
 */
export function aggregateSql(
  { math, property }: { readonly math: TrendMath; readonly property: string | undefined },
  exact: boolean,
  context: SqlContext,
): string {
  const { people } = context;
  const number = property === undefined ? "NULL" : propertyIn(context, property).number;
  switch (math) {
    case "total":
      return "count()";
    case "unique_users":
      return `groupBitmap(${personSql(people)})`;
    case "per_user":
      return `count() / groupBitmap(${personSql(people)})`;
    case "sum":
      return `ifNull(sumKahan(${number}), 0)`;
    case "avg":
      return `sumKahan(${number}) / nullIf(count(${number}), 0)`;
    case "min":
      return `min(${number})`;
    case "max":
      return `max(${number})`;
    case "median":
    case "p75":
    case "p90":
    case "p95":
    case "p99":
      return `${exact ? "quantileExactInclusive" : "quantileTDigest"}(${quantileLevels[math]})(${number})`;
  }
}
