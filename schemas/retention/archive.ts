// Contract of archives: what is copied of removed months, and bringing it back.
import { Type, type Static } from "@sinclair/typebox";

const Month = Type.String({
  maxLength: 11,
  pattern: "^(2[0-9]{3}-(0[1-9]|1[0-2])|before-2010)$",
  description: "A month in UTC, as 2026-03; `before-2010` for everything before that year.",
});
const time = Type.String({ format: "date-time" });

export const restoreDaysDefault = 7;
export const monthsAtOnceMax = 120;

export const ArchiveEntry = Type.Object(
  {
    archive_id: Type.String(),
    month: Month,
    place: Type.Union([Type.Literal("disk"), Type.Literal("s3")]),
    path: Type.String({ description: "Below the data directory, or in the bucket." }),
    rows: Type.Integer(),
    bytes: Type.Integer(),
    sha256: Type.String({ description: "Of the file." }),
    first_at: time,
    last_at: time,
    stored_at: time,
  },
  { $id: "Archive" },
);
export type ArchiveEntry = Static<typeof ArchiveEntry>;

export const Restore = Type.Object(
  {
    restore_id: Type.String(),
    month: Month,
    state: Type.Union(
      [
        Type.Literal("waiting"),
        Type.Literal("restored"),
        Type.Literal("releasing"),
        Type.Literal("released"),
      ],
      {
        description:
          "`restored`: every query sees the month's events again. `released`: they are gone once more.",
      },
    ),
    rows: Type.Union([Type.Integer(), Type.Null()]),
    keep_until: time,
    error: Type.Union([Type.String(), Type.Null()], {
      description: "Why the latest try failed; it is tried again.",
    }),
  },
  { $id: "Restore" },
);
export type Restore = Static<typeof Restore>;

export const RestoreRequest = Type.Object(
  {
    months: Type.Array(Month, { minItems: 1, maxItems: monthsAtOnceMax }),
    keep_days: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 3_650,
        description: `How long they stay; default ${restoreDaysDefault}. 0 releases them now.`,
      }),
    ),
  },
  { additionalProperties: false, $id: "RestoreRequest" },
);
export type RestoreRequest = Static<typeof RestoreRequest>;

/** Beside each file, for whoever finds it without this installation. */
export interface Manifest {
  readonly format: 1;
  readonly archive_id: string;
  readonly project: string;
  readonly month: string;
  readonly file: string;
  readonly rows: number;
  readonly row_hash: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly first_at: string;
  readonly last_at: string;
  readonly columns: readonly string[];
}
