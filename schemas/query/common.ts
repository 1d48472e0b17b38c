// What all queries share: filters, the time range, and what an answer says about itself.
import { Type, type Static, type TSchema } from "@sinclair/typebox";

/** Bounds of every query; also stated in the public contract. */
export const queryLimits = {
  bodyBytesMax: 256 * 1024,
  filterDepthMax: 10,
  filtersMax: 100,
  filterValuesMax: 1000,
  seriesMax: 26,
  breakdownLimitMax: 1000,
  /** Of one series over one period. */
  bucketsMax: 10_000,
  /** Values of the answer: buckets times series times periods times breakdown values. */
  pointsMax: 100_000,
  nameLengthMax: 200,
  textLengthMax: 1000,
} as const;

const strict = { additionalProperties: false } as const;

export function oneOf<const T extends readonly string[]>(values: T, description?: string) {
  return Type.Union(
    values.map((value) => Type.Literal(value)),
    { ...(description === undefined ? {} : { description }) },
  ) as unknown as TSchema & { static: T[number] };
}

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

const PropertyFilter = Type.Object(
  {
    property: PropertyName,
    operator: oneOf(filterOperators),
    value: Type.Optional(Type.Union([Scalar, Type.Array(Scalar, { maxItems: queryLimits.filterValuesMax })])),
    on: Type.Optional(oneOf(["event", "user"])),
  },
  strict,
);
export type PropertyFilter = Static<typeof PropertyFilter>;

const CohortFilter = Type.Object(
  {
    cohort: Type.String({ minLength: 1, maxLength: queryLimits.nameLengthMax }),
    negate: Type.Optional(Type.Boolean()),
  },
  strict,
);
export type CohortFilter = Static<typeof CohortFilter>;

/** Order of the variants: `check.ts` picks one by the fields that are there. */
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

export const Instant = Type.Union([Type.String({ minLength: 1, maxLength: 64 }), Type.Number()], {
  description:
    "ISO 8601; without a zone in `timezone`; a date alone is the whole day; or epoch milliseconds.",
});

export const intervals = ["minute", "hour", "day", "week", "month"] as const;

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

export const Meta = Type.Object({
  as_of: Type.Union([Type.String(), Type.Null()], {
    description: "Everything acknowledged up to this instant is included; null while it cannot be known.",
  }),
  elapsed_ms: Type.Number(),
  source: Type.String({ description: "Tables that answered, joined with +." }),
  rows_read: Type.Integer(),
  cache: oneOf(["none", "hit", "partial", "miss"]),
  exact: Type.Boolean(),
});
export type Meta = Static<typeof Meta>;
