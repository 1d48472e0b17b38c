// /v1/dimensions: properties whose values a project wants kept pre-aggregated, and numbers that it wants kept as sums.
import { Type, type Static } from "@sinclair/typebox";
import { Filters } from "../query/filter.ts";
import { queryLimits } from "../query/limits.ts";
import { selectorLimits, type SelectorDefinition } from "./selector.ts";

const strict = { additionalProperties: false } as const;

export const dimensionLimits = {
  propertiesMax: 20,
  numbersMax: 10,
} as const;

/** Of events; names that the store would read as its own notation are none. */
const PropertyName = Type.String({
  minLength: 1,
  maxLength: queryLimits.nameLengthMax,
  pattern: "^(?!\\^`)(?!.*\\.:`)",
});

export const DimensionsShape = Type.Object(
  {
    properties: Type.Array(
      Type.Object(
        {
          property: PropertyName,
          values_max: Type.Optional(
            Type.Integer({
              minimum: 1,
              maximum: selectorLimits.valuesMax,
              description: `A day of an event with more values is answered from its rows. Default ${selectorLimits.valuesMax}.`,
            }),
          ),
        },
        strict,
      ),
      {
        maxItems: dimensionLimits.propertiesMax,
        description: "Properties of events by which answers are broken down and filtered.",
      },
    ),
    numbers: Type.Optional(
      Type.Array(PropertyName, {
        maxItems: dimensionLimits.numbersMax,
        uniqueItems: true,
        description: "Numeric properties of events: sums, averages, least and most, also broken down.",
      }),
    ),
  },
  { ...strict, $id: "DimensionsShape" },
);
export type DimensionsShape = Static<typeof DimensionsShape>;

const Days = Type.Object({
  days_kept: Type.Integer({
    description: "Closed days, each event's on its own, that are answered from what is kept.",
  }),
  days_from_rows: Type.Integer({ description: "Those with too many values, or whose raw events are gone." }),
  days_behind: Type.Integer({
    description: "Those that are still to be computed, or again because events came late.",
  }),
  error: Type.Union([Type.String(), Type.Null()], { description: "Why the last try failed." }),
});

const Learned = Type.Intersect([
  Type.Object({
    event: Type.Union([Type.String(), Type.Null()], { description: "Null: every event." }),
    property: Type.Union([Type.String(), Type.Null()], { description: "By whose values it is kept." }),
    number: Type.Union([Type.String(), Type.Null()], { description: "Whose sum, least and most are kept." }),
    filters: Filters,
    rows: Type.Number({
      description:
        "Rows that questions read for want of it, and that it spared them; halved every three days.",
    }),
    learned_at: Type.String(),
    used_at: Type.Union([Type.String(), Type.Null()]),
  }),
  Days,
]);
export type LearnedSelector = Static<typeof Learned>;

export const Dimensions = Type.Object(
  {
    properties: Type.Array(
      Type.Intersect([Type.Object({ property: Type.String(), values_max: Type.Integer() }), Days]),
    ),
    numbers: Type.Array(Type.Intersect([Type.Object({ property: Type.String() }), Days])),
    learned: Type.Array(Learned, {
      description:
        "Kept without having been chosen, because questions that read many rows were asked again; the most valuable first.",
    }),
  },
  { $id: "Dimensions" },
);
export type Dimensions = Static<typeof Dimensions>;
export type DimensionDays = Static<typeof Days>;

/** What is kept for dimensions: each property, each number, and each number by each property. */
export function selectorsOfDimensions(
  properties: readonly { readonly property: string; readonly valuesMax: number }[],
  numbers: readonly string[],
): { definition: SelectorDefinition; valuesMax: number }[] {
  const any = { event: null, filters: [] };
  const byValue = properties.flatMap(({ property, valuesMax }) => [
    { definition: { ...any, breakdown: property }, valuesMax },
    ...numbers.map((number) => ({ definition: { ...any, breakdown: property, number }, valuesMax })),
  ]);
  return [
    ...byValue,
    ...numbers.map((number) => ({ definition: { ...any, number }, valuesMax: selectorLimits.valuesMax })),
  ];
}
