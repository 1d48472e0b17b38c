// What an answer says about itself.
import { Type, type Static } from "@sinclair/typebox";
import { oneOf } from "./one-of.ts";

/** Of answers that were scaled up from a sample of people. */
const sampledFields = {
  sample: Type.Object(
    {
      rate: Type.Number({ description: "Chance of each person to be in the sample." }),
      users: Type.Integer({ description: "People of the sample in the largest count, before scaling." }),
    },
    { description: "The answer is of a sample of people; its counts are scaled up." },
  ),
  error_bound: Type.Object(
    {
      confidence: Type.Number({ description: "How often each of the bounds holds." }),
    },
    {
      additionalProperties: true,
      description:
        "In the shape of the answer, `[low, high]` for every count: the exact one lies within, each with this confidence.",
    },
  ),
  job_id: Type.String({ description: "GET /v1/query/jobs/{job_id} will have the exact answer." }),
};
export type SampledMeta = {
  sample: Static<typeof sampledFields.sample>;
  error_bound: Static<typeof sampledFields.error_bound>;
  job_id?: string;
};

export const Meta = Type.Object({
  as_of: Type.Union([Type.String(), Type.Null()], {
    description: "Everything acknowledged up to this instant is included; null while it cannot be known.",
  }),
  elapsed_ms: Type.Number(),
  source: Type.String({ description: "Tables that answered, joined with +." }),
  rows_read: Type.Integer(),
  cache: oneOf(["none", "hit", "partial", "miss"]),
  exact: Type.Boolean({
    description: "False when a part of the answer is approximated; `notes` say which, or `sample` is there.",
  }),
  notes: Type.Optional(Type.Array(Type.String())),
  sample: Type.Optional(sampledFields.sample),
  error_bound: Type.Optional(sampledFields.error_bound),
  job_id: Type.Optional(sampledFields.job_id),
});
export type Meta = Static<typeof Meta>;
