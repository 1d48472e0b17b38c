// The time range of a query and how it is cut into intervals.
import { Type } from "@sinclair/typebox";
import { Filters } from "./filter.ts";

export const Instant = Type.Union([Type.String({ minLength: 1, maxLength: 64 }), Type.Number()], {
  description:
    "ISO 8601; without a zone in `timezone`; a date alone is the whole day; or epoch milliseconds.",
});

export const intervals = ["minute", "hour", "day", "week", "month"] as const;
/** Of queries that compare whole intervals with each other. */
export const calendarIntervals = ["hour", "day", "week", "month"] as const;

/** Fields of every query over a time range. */
export const rangeFields = {
  from: Type.Optional(Instant),
  to: Type.Optional(Instant),
  timezone: Type.Optional(
    Type.String({ minLength: 1, maxLength: 64, description: "IANA name; default UTC." }),
  ),
  filters: Type.Optional(Filters),
  explain: Type.Optional(
    Type.Boolean({ description: "Also answer the plan, its SQL and the store's EXPLAIN." }),
  ),
};
