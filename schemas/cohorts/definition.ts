// The rule of a behavioural cohort: conditions on what people did, when they were first seen and what they are,
// combined by set algebra.
import { Type, type Static, type TObject, type TProperties } from "@sinclair/typebox";
import { CohortFilter, Filters, PropertyFilter } from "../query/filter.ts";
import { queryLimits } from "../query/limits.ts";
import { Instant } from "../query/range.ts";

const strict = { additionalProperties: false } as const;

/** Bounds of one definition. */
export const definitionLimits = {
  depthMax: 10,
  nodesMax: 100,
  daysMax: 36_500,
  timesMax: 1_000_000_000,
} as const;

const windowFields = {
  days: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: definitionLimits.daysMax,
      description: "The last so many times 24 hours before each refresh. Instead of `from` and `to`.",
    }),
  ),
  from: Type.Optional(Instant),
  to: Type.Optional(Instant),
  timezone: Type.Optional(
    Type.String({ minLength: 1, maxLength: 64, description: "Of `from` and `to`; default UTC." }),
  ),
};

const EventName = Type.Union(
  [Type.String({ minLength: 1, maxLength: queryLimits.nameLengthMax }), Type.Null()],
  {
    description: "null: any event.",
  },
);

const times = { minimum: 1, maximum: definitionLimits.timesMax } as const;

export const Did = Type.Object(
  {
    event: Type.Optional(EventName),
    filters: Type.Optional(Filters),
    at_least: Type.Optional(Type.Integer({ ...times, description: "Default 1." })),
    at_most: Type.Optional(Type.Integer(times)),
    ...windowFields,
  },
  { ...strict, description: "People who did it so many times. Without a window: ever." },
);
export type Did = Static<typeof Did>;

export const FirstSeen = Type.Object(
  { event: Type.Optional(EventName), ...windowFields },
  { ...strict, description: "People whose first event of all (or of this name) lies in the window." },
);
export type FirstSeen = Static<typeof FirstSeen>;

const wrap = <T extends TProperties>(fields: T): TObject<T> => Type.Object(fields, strict);

/** As the interface describes it; `readDefinition` of the query tier checks it, naming what is wrong. */
export const CohortDefinition = Type.Recursive(
  (Self) => {
    const list = Type.Array(Self, { minItems: 1, maxItems: definitionLimits.nodesMax });
    return Type.Union([
      wrap({ and: list }),
      wrap({ or: list }),
      wrap({ not: Self }),
      wrap({ did: Did }),
      wrap({ did_not: Did }),
      wrap({ first_seen: FirstSeen }),
      PropertyFilter,
      CohortFilter,
    ]);
  },
  {
    $id: "CohortDefinition",
    description:
      "One condition, or a combination of them. `not` and `did_not` mean all known people but those. A property " +
      "`on` event: people who did any event with it; on user: people who have it now.",
  },
);
