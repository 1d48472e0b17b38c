// POST /v1/query/retention: who comes back, as a triangle; and /v1/query/retention/users: the people of one row.
import { Type, type Static } from "@sinclair/typebox";
import { CohortBreakdown, propertyBreakdown } from "./breakdown.ts";
import { EventSelection } from "./event-selection.ts";
import { queryLimits } from "./limits.ts";
import { Meta } from "./meta.ts";
import { oneOf } from "./one-of.ts";
import { calendarIntervals, rangeFields } from "./range.ts";

const strict = { additionalProperties: false } as const;

export const retentionTypes = ["recurring", "first_time"] as const;
export type RetentionType = (typeof retentionTypes)[number];

const retentionFields = {
  ...rangeFields,
  target: EventSelection,
  returning: Type.Optional(EventSelection),
  period: Type.Optional(oneOf(calendarIntervals, "Length of a row's interval. Default day.")),
  periods: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: queryLimits.retentionPeriodsMax,
      description: "Rows, from the interval that holds `from`; without `from`, up to now. Default 11.",
    }),
  ),
  type: Type.Optional(
    oneOf(
      retentionTypes,
      "`recurring`: a row is everybody with a target event in its interval. `first_time`: everybody whose first " +
        "target event ever lies in it. Default recurring.",
    ),
  ),
  cumulative: Type.Optional(
    Type.Boolean({ description: "Column k: returned in interval k or in any later one of the range." }),
  ),
  min_occurrences: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 1_000_000,
      description: "An interval counts as a return only with at least that many returning events. Default 1.",
    }),
  ),
  week_start: Type.Optional(oneOf(["monday", "sunday"], "Default monday.")),
  breakdown: Type.Optional(
    Type.Union([
      propertyBreakdown({
        limit: Type.Optional(
          Type.Integer({
            minimum: 1,
            maximum: queryLimits.breakdownLimitMax,
            description: "Values with the most people, summed over the rows; the rest is $other. Default 25.",
          }),
        ),
      }),
      CohortBreakdown,
    ]),
  ),
};

export const RetentionQuery = Type.Object(retentionFields, { ...strict, $id: "RetentionQuery" });
export type RetentionQuery = Static<typeof RetentionQuery>;

export const RetentionUsersQuery = Type.Object(
  {
    ...retentionFields,
    row: Type.Integer({ minimum: 0, description: "Counts from 0." }),
    limit: Type.Optional(
      Type.Integer({ minimum: 1, maximum: queryLimits.usersLimitMax, description: "Default 100." }),
    ),
    cursor: Type.Optional(
      Type.String({ minLength: 1, maxLength: 64, description: "`next` of the page before." }),
    ),
  },
  { ...strict, $id: "RetentionUsersQuery" },
);
export type RetentionUsersQuery = Static<typeof RetentionUsersQuery>;

const Count = Type.Integer({ minimum: 0 });

export const RetentionRow = Type.Object({
  start: Type.String({ description: "When the row's interval begins." }),
  size: Count,
  returned: Type.Array(Count, {
    description: "People of the row who returned k intervals later; the first is the row's size.",
  }),
});
export type RetentionRow = Static<typeof RetentionRow>;

export const RetentionBreakdown = Type.Object({
  value: Type.String({ description: "A value, $none, $other, or a cohort's id." }),
  cohorts: Type.Array(RetentionRow),
});
export type RetentionBreakdown = Static<typeof RetentionBreakdown>;

export const RetentionAnswer = Type.Object(
  {
    cohorts: Type.Array(RetentionRow),
    breakdowns: Type.Optional(Type.Array(RetentionBreakdown)),
    meta: Meta,
    explain: Type.Optional(Type.Unknown()),
  },
  { $id: "RetentionAnswer" },
);
export type RetentionAnswer = Static<typeof RetentionAnswer>;

export const RetentionUsersAnswer = Type.Object(
  {
    users: Type.Array(
      Type.Object({
        user: Type.String(),
        returned: Type.Array(Count, {
          description: "Offsets of the intervals in which the person returned.",
        }),
      }),
    ),
    next: Type.Union([Type.String(), Type.Null()], { description: "Cursor of the next page." }),
    meta: Meta,
    explain: Type.Optional(Type.Unknown()),
  },
  { $id: "RetentionUsersAnswer" },
);
export type RetentionUsersAnswer = Static<typeof RetentionUsersAnswer>;
