// Which events a part of a query is about: one name, or any, under filters.
import { Type, type Static } from "@sinclair/typebox";
import { Filters } from "./filter.ts";
import { queryLimits } from "./limits.ts";

export const EventName = Type.Union(
  [Type.String({ minLength: 1, maxLength: queryLimits.nameLengthMax }), Type.Null()],
  { description: "null: any event." },
);

export const EventSelection = Type.Object(
  { event: Type.Optional(EventName), filters: Type.Optional(Filters) },
  { additionalProperties: false },
);
export type EventSelection = Static<typeof EventSelection>;
