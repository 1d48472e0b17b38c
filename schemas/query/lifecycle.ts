// POST /v1/query/lifecycle: per interval, who is new, who stayed, who came back and who left.
import { Type, type Static } from "@sinclair/typebox";
import { EventName } from "./event-selection.ts";
import { Meta } from "./meta.ts";
import { oneOf } from "./one-of.ts";
import { calendarIntervals, rangeFields } from "./range.ts";

export const LifecycleQuery = Type.Object(
  {
    ...rangeFields,
    event: Type.Optional(EventName),
    interval: Type.Optional(oneOf(calendarIntervals, "Default day.")),
    week_start: Type.Optional(oneOf(["monday", "sunday"], "Default monday.")),
  },
  { additionalProperties: false, $id: "LifecycleQuery" },
);
export type LifecycleQuery = Static<typeof LifecycleQuery>;

const counts = (description: string) => Type.Array(Type.Integer(), { description });

export const LifecycleAnswer = Type.Object(
  {
    buckets: Type.Array(Type.String(), { description: "Starts of the local intervals." }),
    new: counts("People whose first event ever lies in the interval."),
    returning: counts("Active in this interval and in the one before."),
    resurrecting: counts("Active in this interval, not in the one before, but earlier."),
    dormant: counts("Active in the interval before and not in this one; negative."),
    meta: Meta,
    explain: Type.Optional(Type.Unknown()),
  },
  { $id: "LifecycleAnswer" },
);
export type LifecycleAnswer = Static<typeof LifecycleAnswer>;
