// POST /v1/export/query: any query, its answer as rows.
import { Type, type Static } from "@sinclair/typebox";
import { exportFormats } from "./export.ts";
import { oneOf } from "./one-of.ts";

export const exportKinds = [
  "trends",
  "funnel",
  "funnel_users",
  "retention",
  "retention_users",
  "stickiness",
  "lifecycle",
  "paths",
  "cohort_users",
] as const;
export type ExportKind = (typeof exportKinds)[number];

const Format = oneOf(exportFormats, "Default ndjson.");

export const ExportQuery = Type.Object(
  {
    kind: oneOf(exportKinds, "Which query; lists of users are exported whole."),
    query: Type.Record(Type.String(), Type.Unknown(), {
      description: 'The body of POST /v1/query/<kind>; of cohort_users: `{"id":"…"}`.',
    }),
    format: Type.Optional(Format),
    gzip: Type.Optional(Type.Boolean({ description: "Default: as Accept-Encoding says." })),
  },
  { additionalProperties: false, $id: "ExportQuery" },
);
export type ExportQuery = Static<typeof ExportQuery>;

/** The query string; what the body says goes first. */
export const ExportQueryParameters = Type.Object(
  {
    format: Type.Optional(Format),
    gzip: Type.Optional(oneOf(["true", "false", "1", "0"])),
    accept_encoding: Type.Optional(Type.String({ maxLength: 1000, description: "Set by the edge." })),
  },
  { additionalProperties: false },
);
