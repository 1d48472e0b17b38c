// Contracts of a project's keys: a key itself is shown once, when it is made.
import { Type, type Static } from "@sinclair/typebox";
import { keyScopes } from "./project.ts";

export const keyLimits = {
  /** Keys of a project that are not revoked. */
  keysMax: 1_000,
  graceSecondsDefault: 24 * 3600,
  graceSecondsMax: 30 * 24 * 3600,
} as const;

const Name = Type.String({ minLength: 1, maxLength: 200, description: "What the key is for." });
const Scopes = Type.Array(Type.Union(keyScopes.map((scope) => Type.Literal(scope))), {
  minItems: 1,
  uniqueItems: true,
  description: "What it opens: all operations of any of these scopes.",
});
const Time = Type.String({ format: "date-time" });
const TimeOrNull = Type.Union([Time, Type.Null()]);

export const KeyCreation = Type.Object(
  {
    scopes: Scopes,
    name: Type.Optional(Name),
    expires_at: Type.Optional(
      Type.Union([Type.String({ maxLength: 64 }), Type.Null()], {
        description: "ISO 8601 time from which on it opens nothing; absent or null: never.",
      }),
    ),
  },
  { additionalProperties: false, $id: "KeyCreation" },
);
export type KeyCreation = Static<typeof KeyCreation>;

export const KeyRotation = Type.Object(
  {
    grace_seconds: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: keyLimits.graceSecondsMax,
        description: "How long the old key stays valid beside the new one. Default: 24 hours.",
      }),
    ),
  },
  { additionalProperties: false, $id: "KeyRotation" },
);
export type KeyRotation = Static<typeof KeyRotation>;

const entryFields = {
  id: Type.String(),
  name: Type.Union([Type.String(), Type.Null()]),
  hint: Type.String({ description: "The first characters of the key." }),
  scopes: Type.Array(Type.String()),
  origin: Type.Union([Type.Literal("created"), Type.Literal("configured")], {
    description: "Configured: given by a setting, or made at the first start.",
  }),
  created_at: Time,
  expires_at: TimeOrNull,
  last_used_at: Type.Union([Time, Type.Null()], { description: "To a minute." }),
  rotated_to: Type.Union([Type.String(), Type.Null()], {
    description: "Id of the key that takes its place.",
  }),
};

/** A key that opens something, or did until it expired; revoked ones are not listed. */
export const KeyEntry = Type.Object(entryFields, { $id: "ProjectKey" });
export type KeyEntry = Static<typeof KeyEntry>;

export const KeyMade = Type.Object(
  { ...entryFields, key: Type.String({ description: "The key itself: shown here and never again." }) },
  { $id: "ProjectKeyMade" },
);
export type KeyMade = Static<typeof KeyMade>;
