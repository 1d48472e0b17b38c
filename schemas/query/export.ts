// GET /v1/export/events: the query string.
import { Type, type Static } from "@sinclair/typebox";
import { queryLimits } from "./limits.ts";
import { oneOf } from "./one-of.ts";

export const exportFormats = ["ndjson", "csv", "parquet"] as const;
export type ExportFormat = (typeof exportFormats)[number];

const Name = Type.String({ minLength: 1, maxLength: queryLimits.nameLengthMax });

export const ExportEventsParameters = Type.Object(
  {
    format: Type.Optional(oneOf(exportFormats, "Default ndjson.")),
    from: Type.Optional(Type.String({ description: "First instant; default: everything." })),
    to: Type.Optional(Type.String({ description: "Last instant; default: everything." })),
    timezone: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
    event: Type.Optional(Type.Union([Name, Type.Array(Name, { maxItems: 100 })])),
    user_id: Type.Optional(Name),
    anonymous_id: Type.Optional(Name),
    filters: Type.Optional(
      Type.String({ maxLength: 16_384, description: "JSON text of a list of filters, as in queries." }),
    ),
    gzip: Type.Optional(oneOf(["true", "false", "1", "0"])),
    accept_encoding: Type.Optional(Type.String({ maxLength: 1000, description: "Set by the edge." })),
  },
  { additionalProperties: false, $id: "ExportEventsParameters" },
);
export type ExportEventsParameters = Static<typeof ExportEventsParameters>;
