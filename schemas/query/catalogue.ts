// What exists in a project, for autocompletion: names of events, properties, their most frequent values.
import { Type, type Static } from "@sinclair/typebox";
import { queryLimits } from "./limits.ts";
import { Meta } from "./meta.ts";
import { oneOf } from "./one-of.ts";

/** Bounds and defaults of the catalogue. */
export const catalogueLimits = {
  rangeDaysDefault: 90,
  entriesDefault: 100,
  entriesMax: 1000,
  examplesMax: 5,
} as const;

const strict = { additionalProperties: false } as const;
const Name = Type.String({ minLength: 1, maxLength: queryLimits.nameLengthMax });
const On = oneOf(["event", "user"]);

/** Everything comes as text in a query string; `from`, `to`, `limit` and `cursor` are read in query/catalogue/. */
const listFields = {
  from: Type.Optional(
    Type.String({ maxLength: 64, description: "First instant; default: 90 days before `to`." }),
  ),
  to: Type.Optional(Type.String({ maxLength: 64, description: "Last instant; default: all of today." })),
  timezone: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
  search: Type.Optional(
    Type.String({ maxLength: queryLimits.textLengthMax, description: "Contained in it, whatever its case." }),
  ),
  limit: Type.Optional(
    Type.String({ maxLength: 20, description: `1 to ${catalogueLimits.entriesMax}; default 100.` }),
  ),
  cursor: Type.Optional(Type.String({ maxLength: 4096, description: "`next` of the page before." })),
};

export const EventNamesParameters = Type.Object(listFields, { ...strict, $id: "EventNamesParameters" });

export const PropertiesParameters = Type.Object(
  {
    event: Type.Optional({ ...Name, description: "Properties of this event only." }),
    on: Type.Optional({ ...On, description: "Properties of events, or of users; default both." }),
    ...listFields,
  },
  { ...strict, $id: "PropertiesParameters" },
);

export const PropertyValuesParameters = Type.Object(
  {
    property: Name,
    event: Type.Optional({ ...Name, description: "Values on this event only." }),
    on: Type.Optional({ ...On, description: "Default event." }),
    match: Type.Optional(oneOf(["contains", "prefix"], "How `search` is meant; default contains.")),
    ...listFields,
  },
  { ...strict, $id: "PropertyValuesParameters" },
);

const Next = Type.Union([Type.String(), Type.Null()], { description: "Cursor of the next page." });
const Count = Type.Integer({ description: "Estimated from the newest events when `meta.exact` is false." });

export const EventName = Type.Object({
  name: Type.String(),
  count: Type.Integer(),
  users: Type.Integer({ description: "Distinct persons." }),
  first_seen: Type.String({ description: "Of the range; to the minute." }),
  last_seen: Type.String({ description: "Of the range; to the minute." }),
});
export type EventName = Static<typeof EventName>;

export const propertyTypes = ["string", "number", "boolean", "list", "object"] as const;
export type PropertyType = (typeof propertyTypes)[number];

export const PropertyEntry = Type.Object({
  name: Type.String({ description: "`a.b` for a property of an object." }),
  on: On,
  types: Type.Array(oneOf(propertyTypes), { description: "Most frequent first." }),
  count: Type.Integer({
    description:
      "Events that have it; persons that have it for `on: user`. Estimated from the newest events, or from a part " +
      "of the persons, when `meta.exact` is false.",
  }),
  examples: Type.Array(Type.Union([Type.String(), Type.Number(), Type.Boolean()])),
  built_in: Type.Optional(Type.Literal(true, { description: "Found by Millrace in every event's context." })),
});
export type PropertyEntry = Static<typeof PropertyEntry>;

export const EventNamesAnswer = Type.Object(
  { events: Type.Array(EventName), next: Next, meta: Meta },
  { $id: "EventNamesAnswer" },
);
export const PropertiesAnswer = Type.Object(
  { properties: Type.Array(PropertyEntry), next: Next, meta: Meta },
  { $id: "PropertiesAnswer" },
);
export const PropertyValuesAnswer = Type.Object(
  {
    property: Type.String(),
    on: On,
    values: Type.Array(Type.Object({ value: Type.String(), count: Count })),
    next: Next,
    meta: Meta,
  },
  { $id: "PropertyValuesAnswer" },
);
