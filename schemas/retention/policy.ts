// Contract of a project's policy: how long its events are kept, and whether they are copied before they go.
import { Type, type Static } from "@sinclair/typebox";

/** Stored with every row; larger numbers name what came back from archives. */
export const rawDaysMax = 36_500;
export const aggregateDaysMax = 36_500;

const Archive = Type.Union([Type.Literal("none"), Type.Literal("disk"), Type.Literal("s3")], {
  description:
    "Where stored events are copied to before they are removed: nowhere, into the data directory, or into the bucket of `MILLRACE_ARCHIVE_S3_URL`.",
});

export const RetentionPolicy = Type.Object(
  {
    raw_days: Type.Union([Type.Integer(), Type.Null()]),
    aggregate_days: Type.Union([Type.Integer(), Type.Null()]),
    archive: Archive,
    raw_gone: Type.Array(Type.String({ description: "2026-03" }), {
      description:
        "Months of which stored events were removed and are not restored; `before-2010` for all before.",
    }),
    aggregates_from: Type.Union([Type.String({ format: "date-time" }), Type.Null()], {
      description: "Counts from before are gone too.",
    }),
  },
  { $id: "RetentionPolicy" },
);
export type RetentionPolicy = Static<typeof RetentionPolicy>;

export const RetentionPolicyChange = Type.Object(
  {
    raw_days: Type.Optional(
      Type.Union([Type.Integer({ minimum: 1, maximum: rawDaysMax }), Type.Null()], {
        description: "A month of stored events goes so many days after its end; null or absent: never.",
      }),
    ),
    aggregate_days: Type.Optional(
      Type.Union([Type.Integer({ minimum: 1, maximum: aggregateDaysMax }), Type.Null()], {
        description: "The same for counts and sets of users; not fewer than `raw_days`.",
      }),
    ),
    archive: Type.Optional(Archive),
  },
  { additionalProperties: false, $id: "RetentionPolicyChange" },
);
export type RetentionPolicyChange = Static<typeof RetentionPolicyChange>;
