// How long projects keep their events, and what is in the archives.
import { Type } from "@sinclair/typebox";
import { ArchiveEntry, Restore, RestoreRequest } from "../retention/archive.ts";
import { RetentionPolicy, RetentionPolicyChange } from "../retention/policy.ts";
import { adminMsMax, inPath, json, type Operation } from "./operation.ts";

const projectId = inPath("id", "Id of the project.");
const whose = "The admin key of the project `default` may do so for every project, any other for its own.";

export const retentionOperations: readonly Operation[] = [
  {
    method: "GET",
    path: "/v1/projects/{id}/retention",
    service: { subject: "svc.retention.policy", msMax: adminMsMax },
    scope: "admin",
    tag: "Administration",
    summary: "How long a project's events are kept, and which months are gone",
    description: whose,
    parameters: [projectId],
    success: { status: 200, description: "The policy.", content: json, schema: RetentionPolicy },
    errors: ["PROJECT_NOT_FOUND"],
  },
  {
    method: "PUT",
    path: "/v1/projects/{id}/retention",
    service: { subject: "svc.retention.set_policy", msMax: adminMsMax },
    scope: "admin",
    tag: "Administration",
    summary: "Change how long a project's events are kept",
    description: `Holds for what is stored already too: a month of stored events goes \`raw_days\` after its end, copied before if \`archive\` says so. Counts and numbers of users go on being answered after that; what needs the events themselves says RAW_DATA_EXPIRED. Counts go after \`aggregate_days\`. What is gone does not come back when a number grows. ${whose}`,
    parameters: [projectId],
    body: { [json]: RetentionPolicyChange },
    success: { status: 200, description: "The policy in force.", content: json, schema: RetentionPolicy },
    errors: ["MALFORMED_JSON", "INVALID_BODY", "PROJECT_NOT_FOUND"],
  },
  {
    method: "GET",
    path: "/v1/archives",
    service: { subject: "svc.retention.archives", msMax: adminMsMax },
    scope: "admin",
    tag: "Administration",
    summary: "Archives of the project, and what is restored of them",
    success: {
      status: 200,
      description: "By month; a month that events were late for has several archives.",
      content: json,
      schema: Type.Object({ archives: Type.Array(ArchiveEntry), restores: Type.Array(Restore) }),
    },
    errors: [],
  },
  {
    method: "POST",
    path: "/v1/archives/restore",
    service: { subject: "svc.retention.restore", msMax: adminMsMax },
    scope: "admin",
    tag: "Administration",
    summary: "Bring months back from their archives, for a while",
    description:
      "Answered once it is written down; GET /v1/archives says when a month is there. A month that is back already stays as long as the newer request says; 0 days releases it.",
    body: { [json]: RestoreRequest },
    success: {
      status: 202,
      description: "The months, each of them whole or not at all.",
      content: json,
      schema: Type.Object({ restores: Type.Array(Restore) }),
    },
    errors: ["MALFORMED_JSON", "INVALID_BODY", "ARCHIVE_NOT_FOUND", "CONFLICT"],
  },
];
