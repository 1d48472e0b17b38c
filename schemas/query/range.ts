// The time range of a query and how it is cut into intervals.
import { Type } from "@sinclair/typebox";
import { Filters } from "./filter.ts";
import { oneOf } from "./one-of.ts";

export const Instant = Type.Union([Type.String({ minLength: 1, maxLength: 64 }), Type.Number()], {
  description:
    "ISO 8601; without a zone in `timezone`; a date alone is the whole day; or epoch milliseconds.",
});

export const intervals = ["minute", "hour", "day", "week", "month"] as const;
/** Of queries that compare whole intervals with each other. */
export const calendarIntervals = ["hour", "day", "week", "month"] as const;

export const accuracies = ["auto", "exact", "fast"] as const;
export type Accuracy = (typeof accuracies)[number];

/** Fields of every query over a time range. */
export const rangeFields = {
  from: Type.Optional(Instant),
  to: Type.Optional(Instant),
  timezone: Type.Optional(
    Type.String({ minLength: 1, maxLength: 64, description: "IANA name; default UTC." }),
  ),
  filters: Type.Optional(Filters),
  accuracy: Type.Optional(
    oneOf(
      accuracies,
      "`exact`: every row is read. `fast`: a sample of people when there are more than a few million rows. `auto`, " +
        "the default: a sample beyond the project's limit. Answers of a sample say so in `meta`, with bounds. Lists of " +
        "people are always exact.",
    ),
  ),
  explain: Type.Optional(
    Type.Boolean({ description: "Also answer the plan, its SQL and the store's EXPLAIN." }),
  ),
};
