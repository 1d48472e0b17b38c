// POST /v1/query/stickiness: people by the number of intervals in which they did an event.
import { Type, type Static } from "@sinclair/typebox";
import { EventName, EventSelection } from "./event-selection.ts";
import { queryLimits } from "./limits.ts";
import { Meta } from "./meta.ts";
import { oneOf } from "./one-of.ts";
import { calendarIntervals, rangeFields } from "./range.ts";

const strict = { additionalProperties: false } as const;

export const StickinessQuery = Type.Object(
  {
    ...rangeFields,
    event: Type.Optional(EventName),
    series: Type.Optional(
      Type.Array(
        Type.Object(
          {
            ...EventSelection.properties,
            label: Type.Optional(Type.String({ minLength: 1, maxLength: queryLimits.nameLengthMax })),
          },
          strict,
        ),
        { minItems: 1, maxItems: queryLimits.seriesMax, description: "Several at once, instead of `event`." },
      ),
    ),
    interval: Type.Optional(oneOf(calendarIntervals, "Default day.")),
    week_start: Type.Optional(oneOf(["monday", "sunday"], "Default monday.")),
  },
  { ...strict, $id: "StickinessQuery" },
);
export type StickinessQuery = Static<typeof StickinessQuery>;

const Count = Type.Integer({ minimum: 0 });

export const StickinessSeries = Type.Object({
  label: Type.String(),
  counts: Type.Array(
    Type.Object({
      intervals: Type.Integer({ minimum: 1 }),
      users: Type.Integer({ minimum: 0, description: "People active in exactly that many intervals." }),
      users_at_least: Type.Integer({ minimum: 0, description: "People active in that many or more." }),
    }),
    { description: "One for each number of intervals, from 1 to all of the range." },
  ),
  total: Type.Integer({ minimum: 0, description: "People active at all." }),
});
export type StickinessSeries = Static<typeof StickinessSeries>;

export const StickinessAnswer = Type.Object(
  {
    intervals: Count,
    series: Type.Array(StickinessSeries),
    meta: Meta,
    explain: Type.Optional(Type.Unknown()),
  },
  { $id: "StickinessAnswer" },
);
export type StickinessAnswer = Static<typeof StickinessAnswer>;
