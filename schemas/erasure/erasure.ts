// Contract of an erasure: how far it is, and its receipt.
import { Type, type Static } from "@sinclair/typebox";

const time = Type.String({ format: "date-time" });

export const erasureContract = Type.Object(
  {
    erasure_id: Type.String(),
    state: Type.Union([Type.Literal("waiting"), Type.Literal("removing"), Type.Literal("done")], {
      description:
        "`waiting`: what was acknowledged before is being stored. `removing`: nobody can name the person any more, and " +
        "what is stored is being removed. `done`: nothing is left.",
    }),
    requested_at: time,
    erased_before: Type.Union([time, Type.Null()], {
      description: "What the person did and was received until then is gone, also what arrives late.",
    }),
    finished_at: Type.Union([time, Type.Null()]),
    removed: Type.Record(Type.String(), Type.Integer(), {
      description: "How many rows, sets or entries of each place, of this person.",
    }),
    removed_together: Type.Union([Type.Record(Type.String(), Type.Integer()), Type.Null()], {
      description:
        "Set when several `people` were removed in one go: what of each place is only known of all of them together.",
    }),
    unread_uploads: Type.Array(Type.String(), {
      description:
        "Uploads that were not read to their end by then. Their rows under ids that were known are dropped when they are read; an id that only such a file would have joined to the person is not.",
    }),
    error: Type.Union([Type.String(), Type.Null()], {
      description: "Why the latest try failed; it is tried again.",
    }),
  },
  { $id: "Erasure" },
);
export type Erasure = Static<typeof erasureContract>;
