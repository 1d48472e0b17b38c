// The audit log: what administrators did, written down before it is done.
import { Type, type Static } from "@sinclair/typebox";

export const auditPageMax = 1_000;
export const auditPageDefault = 100;

export const AuditParameters = Type.Object(
  {
    from: Type.Optional(
      Type.String({ maxLength: 64, description: "ISO 8601 time; actions begun then or later." }),
    ),
    to: Type.Optional(Type.String({ maxLength: 64, description: "ISO 8601 time; actions begun before it." })),
    limit: Type.Optional(
      Type.String({
        pattern: "^\\d{1,4}$",
        description: `Entries of a page, 1 to ${auditPageMax}; default ${auditPageDefault}.`,
      }),
    ),
    cursor: Type.Optional(Type.String({ pattern: "^\\d{1,18}$", description: "`next` of the page before." })),
  },
  { $id: "AuditParameters" },
);
export type AuditParameters = Static<typeof AuditParameters>;

const TextOrNull = Type.Union([Type.String(), Type.Null()]);

export const AuditEntry = Type.Object(
  {
    id: Type.String(),
    at: Type.String({ format: "date-time", description: "When it began." }),
    project: Type.Union([Type.String(), Type.Null()], {
      description: "The key's project; null for a key that opens nothing.",
    }),
    key: Type.Object(
      { id: Type.String(), hint: Type.String() },
      { description: "Whose action it was; empty for a key that opens nothing." },
    ),
    action: Type.String({ description: "Method and path, such as `DELETE /v1/projects/{id}`." }),
    parameters: Type.Record(Type.String(), Type.String(), {
      description:
        "What stood in the braces, and what of the query matters. Ids of users are SHA-256: the log outlives their erasure. `unlisted_before`: so many like it are not listed, because there are bounds.",
    }),
    address: Type.String({ description: "Where the request came from." }),
    request_id: Type.String(),
    status: Type.Union([Type.Integer(), Type.Null()], {
      description: "Of the answer; null while it is under way, or when the edge ended before the answer.",
    }),
    code: Type.Union([Type.String(), Type.Null()], { description: "Of an answer that is an error." }),
    outcome: Type.Union(
      [Type.Record(Type.String(), Type.Union([Type.String(), Type.Number()])), Type.Null()],
      {
        description:
          "What it brought about, where that can be said in a few words: ids of what was made, how many.",
      },
    ),
    seconds: Type.Union([Type.Number(), Type.Null()]),
  },
  { $id: "AuditEntry" },
);
export type AuditEntry = Static<typeof AuditEntry>;

export const AuditAnswer = Type.Object(
  { entries: Type.Array(AuditEntry), next: TextOrNull },
  { $id: "AuditAnswer" },
);
export type AuditAnswer = Static<typeof AuditAnswer>;

/** The edge ▸ `svc.projects.begin_action`; answered with the action's id. */
export interface ActionBegun {
  readonly targetId: string | null;
  readonly keyId: string;
  readonly keyHint: string;
  readonly action: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly address: string;
}

/** The edge ▸ `svc.projects.end_action`. */
export interface ActionEnded {
  readonly actionId: string;
  readonly status: number;
  readonly code: string | null;
  readonly outcome: Outcome | null;
}

export type Outcome = Readonly<Record<string, string | number>>;

/** The edge ▸ `svc.projects.refused_action`: begun and ended at once, because nothing was done. */
export interface ActionRefused extends ActionBegun {
  readonly status: number;
  readonly code: string;
}
