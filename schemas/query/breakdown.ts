// How an answer is broken down: by the values of a property, or into cohorts.
import { Type, type Static, type TSchema } from "@sinclair/typebox";
import { PropertyName } from "./filter.ts";
import { queryLimits } from "./limits.ts";
import { oneOf } from "./one-of.ts";

const strict = { additionalProperties: false } as const;

/** `more`: fields that a kind adds, for example how many values it keeps. */
export function propertyBreakdown<T extends Record<string, TSchema>>(more: T) {
  return Type.Object(
    {
      property: PropertyName,
      on: Type.Optional(oneOf(["event", "user"], "`user`: the value the person has now. Default event.")),
      ...more,
    },
    strict,
  );
}

export const CohortBreakdown = Type.Object(
  {
    cohorts: Type.Array(Type.String({ minLength: 1, maxLength: queryLimits.nameLengthMax }), {
      minItems: 1,
      maxItems: queryLimits.breakdownCohortsMax,
      uniqueItems: true,
      description: "Ids of cohorts: one line for each, of its members. Who is in two counts in both.",
    }),
  },
  strict,
);
export type CohortBreakdown = Static<typeof CohortBreakdown>;
