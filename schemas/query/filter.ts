// Filters: conditions on an event's properties, nested with or, shared by all queries.
import { Type, type Static } from "@sinclair/typebox";
import { queryLimits } from "./limits.ts";
import { oneOf } from "./one-of.ts";

const strict = { additionalProperties: false } as const;

export const filterOperators = [
  "eq",
  "neq",
  "in",
  "not_in",
  "contains",
  "not_contains",
  "starts_with",
  "gt",
  "gte",
  "lt",
  "lte",
  "is_set",
  "is_not_set",
] as const;

const Scalar = Type.Union([
  Type.String({ maxLength: queryLimits.textLengthMax }),
  Type.Number(),
  Type.Boolean(),
]);
export type FilterScalar = Static<typeof Scalar>;

export const PropertyName = Type.String({ minLength: 1, maxLength: queryLimits.nameLengthMax });

export const PropertyFilter = Type.Object(
  {
    property: PropertyName,
    operator: oneOf(filterOperators),
    value: Type.Optional(Type.Union([Scalar, Type.Array(Scalar, { maxItems: queryLimits.filterValuesMax })])),
    on: Type.Optional(oneOf(["event", "user"])),
  },
  strict,
);
export type PropertyFilter = Static<typeof PropertyFilter>;

export const CohortFilter = Type.Object(
  {
    cohort: Type.String({ minLength: 1, maxLength: queryLimits.nameLengthMax }),
    negate: Type.Optional(Type.Boolean()),
  },
  strict,
);
export type CohortFilter = Static<typeof CohortFilter>;

export const Filter = Type.Recursive(
  (Self) =>
    Type.Union([
      PropertyFilter,
      CohortFilter,
      Type.Object({ or: Type.Array(Self, { minItems: 1, maxItems: queryLimits.filtersMax }) }, strict),
    ]),
  { $id: "Filter", description: "A condition, or {or:[…]} of conditions; a list of filters is AND." },
);
export type Filter = PropertyFilter | CohortFilter | { or: Filter[] };

export const Filters = Type.Unsafe<Filter[]>(Type.Array(Filter, { maxItems: queryLimits.filtersMax }));
