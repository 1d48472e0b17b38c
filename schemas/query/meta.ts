// What an answer says about itself.
import { Type, type Static } from "@sinclair/typebox";
import { oneOf } from "./one-of.ts";

export const Meta = Type.Object({
  as_of: Type.Union([Type.String(), Type.Null()], {
    description: "Everything acknowledged up to this instant is included; null while it cannot be known.",
  }),
  elapsed_ms: Type.Number(),
  source: Type.String({ description: "Tables that answered, joined with +." }),
  rows_read: Type.Integer(),
  cache: oneOf(["none", "hit", "partial", "miss"]),
  exact: Type.Boolean({ description: "False when a part of the answer is approximated; `notes` say which." }),
  notes: Type.Optional(Type.Array(Type.String())),
});
export type Meta = Static<typeof Meta>;
