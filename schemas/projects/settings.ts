// What a project is called, and in which zone its days are.
import { Type, type Static } from "@sinclair/typebox";

const Zone = Type.String({ minLength: 1, maxLength: 64, description: "IANA name; default UTC." });

export const ProjectCreation = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 200 }),
    timezone: Type.Optional(Zone),
    limits: Type.Optional(
      Type.Object(
        { events_per_second_max: Type.Optional(Type.Integer({ minimum: 1 })) },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false, $id: "ProjectCreation" },
);
export type ProjectCreation = Static<typeof ProjectCreation>;

/** The body of PATCH: what is absent stays. */
export const ProjectChange = Type.Object(
  {
    name: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
    timezone: Type.Optional(Zone),
  },
  { additionalProperties: false, minProperties: 1, $id: "ProjectChange" },
);
export type ProjectChange = Static<typeof ProjectChange>;

export const Project = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    timezone: Type.String(),
    events_per_second_max: Type.Union([Type.Integer(), Type.Null()]),
    created_at: Type.String({ format: "date-time" }),
  },
  { $id: "Project" },
);
export type Project = Static<typeof Project>;
