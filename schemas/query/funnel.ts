// POST /v1/query/funnel: how far people come through steps; and /v1/query/funnel/users: the people behind one step.
import { Type, type Static } from "@sinclair/typebox";
import { CohortBreakdown, propertyBreakdown } from "./breakdown.ts";
import { EventName } from "./event-selection.ts";
import { Filters } from "./filter.ts";
import { queryLimits } from "./limits.ts";
import { Meta } from "./meta.ts";
import { oneOf } from "./one-of.ts";
import { intervals, rangeFields } from "./range.ts";

const strict = { additionalProperties: false } as const;

/** One bit for each step and each exclusion: together they fit into 31. */
export const funnelLimits = {
  stepsMax: 20,
  exclusionsMax: 10,
  windowSecondsMax: 366 * 86_400,
  binsMax: 100,
} as const;

export const funnelOrders = ["ordered", "strict", "unordered"] as const;
export type FunnelOrder = (typeof funnelOrders)[number];

const StepNumber = Type.Integer({
  minimum: 0,
  maximum: funnelLimits.stepsMax - 1,
  description: "Counts from 0.",
});

export const FunnelStep = Type.Object(
  {
    event: EventName,
    filters: Type.Optional(Filters),
    label: Type.Optional(Type.String({ minLength: 1, maxLength: queryLimits.nameLengthMax })),
  },
  strict,
);

export const FunnelExclusion = Type.Object(
  {
    event: EventName,
    filters: Type.Optional(Filters),
    from_step: Type.Optional(
      Type.Integer({ ...StepNumber, description: "From when this step was reached. Default 0, the first." }),
    ),
    to_step: Type.Optional(
      Type.Integer({ ...StepNumber, description: "Until this step is reached. Default: the last." }),
    ),
  },
  strict,
);

const funnelFields = {
  ...rangeFields,
  steps: Type.Array(FunnelStep, { minItems: 1, maxItems: funnelLimits.stepsMax }),
  window_seconds: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: funnelLimits.windowSecondsMax,
      description: "From the first event of an attempt, inclusive; up to 366 days. Default 14 days.",
    }),
  ),
  order: Type.Optional(
    oneOf(
      funnelOrders,
      "`ordered`: other events may lie between. `strict`: every step is the person's very next event. " +
        "`unordered`: step k counts people who did any k distinct steps. Default ordered.",
    ),
  ),
  exclusions: Type.Optional(Type.Array(FunnelExclusion, { maxItems: funnelLimits.exclusionsMax })),
  breakdown: Type.Optional(
    Type.Union([
      propertyBreakdown({
        attribution: Type.Optional(
          oneOf(["first_touch"], "The value on the first event of the person's attempt."),
        ),
        limit: Type.Optional(
          Type.Integer({
            minimum: 1,
            maximum: queryLimits.breakdownLimitMax,
            description: "Values with the most people at the first step; the rest is $other. Default 25.",
          }),
        ),
      }),
      CohortBreakdown,
    ]),
  ),
  view: Type.Optional(oneOf(["steps", "trend", "time_to_convert"], "Default steps.")),
  from_step: Type.Optional(
    Type.Integer({
      ...StepNumber,
      description: "Of the trend: who reached this step has entered. Counts from 0, the default.",
    }),
  ),
  interval: Type.Optional(oneOf(intervals, "Of the trend. Default day.")),
  week_start: Type.Optional(oneOf(["monday", "sunday"], "Default monday.")),
  bins: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: funnelLimits.binsMax,
      description: "Most bins of the histogram. Default 20.",
    }),
  ),
};

export const FunnelQuery = Type.Object(funnelFields, { ...strict, $id: "FunnelQuery" });
export type FunnelQuery = Static<typeof FunnelQuery>;

export const FunnelUsersQuery = Type.Object(
  {
    ...funnelFields,
    step: Type.Integer({ ...StepNumber, description: "Counts from 0." }),
    dropped: Type.Optional(
      Type.Boolean({ description: "True: who reached the step before and not this one. Default false." }),
    ),
    limit: Type.Optional(
      Type.Integer({ minimum: 1, maximum: queryLimits.usersLimitMax, description: "Default 100." }),
    ),
    cursor: Type.Optional(
      Type.String({ minLength: 1, maxLength: 64, description: "`next` of the page before." }),
    ),
  },
  { ...strict, $id: "FunnelUsersQuery" },
);
export type FunnelUsersQuery = Static<typeof FunnelUsersQuery>;

const Count = Type.Integer({ minimum: 0 });
const Seconds = Type.Union([Type.Number(), Type.Null()]);

export const FunnelAnswerStep = Type.Object({
  label: Type.String(),
  count: Type.Integer({ minimum: 0, description: "People who reached the step." }),
  rate_total: Type.Number({ description: "Share of the first step's people; 0 when there are none." }),
  rate_step: Type.Number({ description: "Share of the step before; 0 when it has none." }),
  avg_seconds: Seconds,
  median_seconds: Seconds,
});
export type FunnelAnswerStep = Static<typeof FunnelAnswerStep>;

export const FunnelBreakdown = Type.Object({
  value: Type.String({ description: "A value, $none, $other, or a cohort's id." }),
  steps: Type.Array(FunnelAnswerStep),
});
export type FunnelBreakdown = Static<typeof FunnelBreakdown>;

export const FunnelTrendBucket = Type.Object({
  bucket: Type.String({ description: "When the local interval begins." }),
  entered: Type.Integer({ description: "People with an attempt of this interval that reached from_step." }),
  converted: Type.Integer({ description: "Those of them with one that reached the last step." }),
});
export type FunnelTrendBucket = Static<typeof FunnelTrendBucket>;

export const FunnelHistogramBin = Type.Object({
  from_seconds: Type.Number({ description: "Inclusive." }),
  to_seconds: Type.Number({ description: "Exclusive." }),
  count: Count,
});
export type FunnelHistogramBin = Static<typeof FunnelHistogramBin>;

export const FunnelAnswer = Type.Object(
  {
    steps: Type.Array(FunnelAnswerStep),
    breakdowns: Type.Optional(Type.Array(FunnelBreakdown)),
    trend: Type.Optional(Type.Array(FunnelTrendBucket)),
    histogram: Type.Optional(
      Type.Array(FunnelHistogramBin, { description: "Seconds from the first step to the last." }),
    ),
    conversion: Type.Optional(
      Type.Object(
        { count: Count, avg_seconds: Seconds, median_seconds: Seconds },
        { description: "From the first step to the last, over everybody in the histogram." },
      ),
    ),
    meta: Meta,
    explain: Type.Optional(Type.Unknown()),
  },
  { $id: "FunnelAnswer" },
);
export type FunnelAnswer = Static<typeof FunnelAnswer>;

export const FunnelUsersAnswer = Type.Object(
  {
    users: Type.Array(Type.String()),
    next: Type.Union([Type.String(), Type.Null()], { description: "Cursor of the next page." }),
    meta: Meta,
    explain: Type.Optional(Type.Unknown()),
  },
  { $id: "FunnelUsersAnswer" },
);
export type FunnelUsersAnswer = Static<typeof FunnelUsersAnswer>;
