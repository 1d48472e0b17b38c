// POST /v1/query/trends: values over time, several series, broken down by a property.
import { Type, type Static } from "@sinclair/typebox";
import { CohortBreakdown, propertyBreakdown } from "./breakdown.ts";
import { Filters, PropertyName } from "./filter.ts";
import { queryLimits } from "./limits.ts";
import { Meta } from "./meta.ts";
import { oneOf } from "./one-of.ts";
import { intervals, rangeFields } from "./range.ts";

const strict = { additionalProperties: false } as const;

export const trendMaths = [
  "total",
  "unique_users",
  "per_user",
  "sum",
  "avg",
  "min",
  "max",
  "median",
  "p75",
  "p90",
  "p95",
  "p99",
] as const;
export type TrendMath = (typeof trendMaths)[number];

/** Maths over the values of a property; the others count events and users. */
export const propertyMaths: ReadonlySet<TrendMath> = new Set(trendMaths.slice(3));

export const TrendsSeries = Type.Object(
  {
    event: Type.Optional(
      Type.Union([Type.String({ minLength: 1, maxLength: queryLimits.nameLengthMax }), Type.Null()], {
        description: "null: any event.",
      }),
    ),
    math: Type.Optional(oneOf(trendMaths, "Default total.")),
    property: Type.Optional(PropertyName),
    filters: Type.Optional(Filters),
    label: Type.Optional(Type.String({ minLength: 1, maxLength: queryLimits.nameLengthMax })),
  },
  strict,
);
export type TrendsSeries = Static<typeof TrendsSeries>;

export const TrendsQuery = Type.Object(
  {
    ...rangeFields,
    series: Type.Array(TrendsSeries, { minItems: 1, maxItems: queryLimits.seriesMax }),
    formula: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 500,
        description:
          "+ - * / and parentheses over series, named by label or by letter (A is the first). Answered as one more " +
          "series, last. A bucket that divides by zero or uses a null is null.",
      }),
    ),
    interval: Type.Optional(oneOf(intervals, "Default day.")),
    week_start: Type.Optional(oneOf(["monday", "sunday"], "Default monday.")),
    breakdown: Type.Optional(
      Type.Union([
        propertyBreakdown({
          limit: Type.Optional(
            Type.Integer({
              minimum: 1,
              maximum: queryLimits.breakdownLimitMax,
              description: "Values with the highest totals of each series; the rest is $other. Default 25.",
            }),
          ),
        }),
        CohortBreakdown,
      ]),
    ),
    compare: Type.Optional(Type.Boolean({ description: "Also answer the period before, of equal length." })),
  },
  { ...strict, $id: "TrendsQuery" },
);
export type TrendsQuery = Static<typeof TrendsQuery>;

/** Breakdown value of events that lack the property, and of all values beyond the limit. */
export const breakdownNone = "$none";
export const breakdownOther = "$other";

const Value = Type.Union([Type.Number(), Type.Null()]);

export const TrendsAnswerSeries = Type.Object({
  label: Type.String(),
  breakdown: Type.Union([Type.String(), Type.Null()]),
  compare: Type.Optional(Type.Literal(true, { description: "Values of the period before." })),
  buckets: Type.Array(Type.String(), { description: "Starts of the local intervals." }),
  values: Type.Array(Value),
  total: Value,
});
export type TrendsAnswerSeries = Static<typeof TrendsAnswerSeries>;

export const TrendsAnswer = Type.Object(
  { series: Type.Array(TrendsAnswerSeries), meta: Meta, explain: Type.Optional(Type.Unknown()) },
  { $id: "TrendsAnswer" },
);
export type TrendsAnswer = Static<typeof TrendsAnswer>;
