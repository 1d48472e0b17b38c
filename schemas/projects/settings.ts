// What a project is called, in which zone its days are, and when its sessions end.
import { Type, type Static } from "@sinclair/typebox";
import { sessionIdle } from "../query/sessions.ts";

const Zone = Type.String({ minLength: 1, maxLength: 64, description: "IANA name; default UTC." });

const IdleMinutes = Type.Integer({
  minimum: sessionIdle.minutesMin,
  maximum: sessionIdle.minutesMax,
  description: "A person who pauses for longer begins another session. Default 30.",
});

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
    session_idle_minutes: Type.Optional(IdleMinutes),
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
    session_idle_minutes: IdleMinutes,
    created_at: Type.String({ format: "date-time" }),
  },
  { $id: "Project" },
);
export type Project = Static<typeof Project>;
