// Projects and the installation itself.
import { Type } from "@sinclair/typebox";
import { ProjectLimits, ProjectLimitsChange } from "../projects/limits.ts";
import { adminMsMax, anyObject, inPath, json, type Operation } from "./operation.ts";

const projectContract = Type.Object({
  id: Type.String(),
  name: Type.String(),
  timezone: Type.String(),
  events_per_second_max: Type.Union([Type.Integer(), Type.Null()]),
  created_at: Type.String({ format: "date-time" }),
});

export const administrationOperations: readonly Operation[] = [
  {
    method: "POST",
    path: "/v1/projects",
    service: { subject: "svc.projects.create", msMax: adminMsMax },
    scope: "admin",
    tag: "Administration",
    summary: "Create a project",
    description: "Any admin key may create projects. The new project's own keys are shown once, here.",
    body: {
      [json]: Type.Object({
        name: Type.String({ minLength: 1, maxLength: 200 }),
        timezone: Type.Optional(Type.String({ description: "IANA name; default UTC." })),
        limits: Type.Optional(
          Type.Object({ events_per_second_max: Type.Optional(Type.Integer({ minimum: 1 })) }),
        ),
      }),
    },
    success: {
      status: 201,
      description: "The project and its keys.",
      content: json,
      schema: Type.Object({
        id: Type.String(),
        name: Type.String(),
        keys: Type.Object({ write: Type.String(), read: Type.String(), admin: Type.String() }),
      }),
    },
    errors: ["MALFORMED_JSON", "INVALID_BODY", "CONFLICT"],
  },
  {
    method: "GET",
    path: "/v1/projects",
    service: { subject: "svc.projects.list", msMax: adminMsMax },
    scope: "admin",
    tag: "Administration",
    summary: "List projects",
    description: "The admin key of the project `default` sees all projects, any other its own.",
    success: {
      status: 200,
      description: "The projects.",
      content: json,
      schema: Type.Object({ projects: Type.Array(projectContract) }),
    },
    errors: [],
  },
  {
    method: "DELETE",
    path: "/v1/projects/{id}",
    service: { subject: "svc.projects.delete", msMax: adminMsMax },
    scope: "admin",
    tag: "Administration",
    summary: "Delete a project, its keys and its events",
    description:
      "The admin key of the project `default` may delete every other project, any other admin key its own.",
    parameters: [inPath("id", "Id of the project.")],
    success: { status: 200, description: "It is gone.", content: json, schema: anyObject },
    errors: ["PROJECT_NOT_FOUND"],
  },
  {
    method: "GET",
    path: "/v1/projects/{id}/limits",
    service: { subject: "svc.projects.limits", msMax: adminMsMax },
    scope: "admin",
    tag: "Administration",
    summary: "What a project may use",
    description: "The admin key of the project `default` sees every project's limits, any other its own.",
    parameters: [inPath("id", "Id of the project.")],
    success: { status: 200, description: "The limits in force.", content: json, schema: ProjectLimits },
    errors: ["PROJECT_NOT_FOUND"],
  },
  {
    method: "PUT",
    path: "/v1/projects/{id}/limits",
    service: { subject: "svc.projects.set_limits", msMax: adminMsMax },
    scope: "admin",
    tag: "Administration",
    summary: "Change what a project may use",
    description:
      "What is absent or null goes back to its default. Queries that begin after the answer keep to it: one that needs more is answered with QUERY_TOO_EXPENSIVE and the name of the budget, one that finds too many under way waits for its turn, or is answered with QUERY_LIMIT_EXCEEDED. The admin key of the project `default` may change every project's limits, any other its own.",
    parameters: [inPath("id", "Id of the project.")],
    body: { [json]: ProjectLimitsChange },
    success: { status: 200, description: "The limits in force.", content: json, schema: ProjectLimits },
    errors: ["MALFORMED_JSON", "INVALID_BODY", "PROJECT_NOT_FOUND"],
  },
  {
    method: "GET",
    path: "/v1/system",
    service: { subject: "svc.query.system", msMax: adminMsMax },
    scope: "admin",
    tag: "Administration",
    summary: "Lag per partition, watermark, throughput, stores, and what the log promises",
    success: { status: 200, description: "The state of the installation.", content: json, schema: anyObject },
    errors: [],
  },
  {
    method: "GET",
    path: "/metrics",
    scope: "admin",
    tag: "Administration",
    summary: "Metrics of all processes in Prometheus' text format",
    success: { status: 200, description: "The metrics.", content: "text/plain" },
    errors: [],
  },
];
