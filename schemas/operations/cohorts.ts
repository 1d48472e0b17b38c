// Cohorts: named sets of people, usable as a filter and a breakdown of every query.
import { Type } from "@sinclair/typebox";
import {
  BehaviouralCohort,
  Cohort,
  CohortIds,
  cohortLimits,
  CohortUsers,
  CohortUsersParameters,
  StaticCohort,
} from "../cohorts/cohort.ts";
import { adminMsMax, anyObject, inPath, inQuery, json, type Operation, type Parameter } from "./operation.ts";

/** The first refresh is waited for. */
const refreshMsMax = 40_000;
const csv = "text/csv";
const id = inPath("id", "Id of the cohort.");

const column: Parameter = {
  name: "column",
  in: "query",
  description:
    "CSV only: the column that holds the ids, by its name in the first line. Without it the first column, or one of " +
    "a usual name such as user_id when the first line has it.",
  schema: Type.String(),
};

const ids = Type.String({ description: "One id a line, or a column of ids." });

export const cohortsOperations: readonly Operation[] = [
  {
    method: "POST",
    path: "/v1/cohorts",
    service: { subject: "svc.cohorts.create", msMax: refreshMsMax, bodyBytesMax: cohortLimits.bodyBytesMax },
    scope: ["read", "admin"],
    tag: "Cohorts",
    summary: "Create a cohort",
    description:
      "By a definition, which is evaluated again every minute at least, or by a list of ids, as JSON or CSV. It is " +
      "filled before this answers; when that takes too long, its state is `refreshing`.",
    parameters: [
      {
        name: "name",
        in: "query",
        description: "CSV only: name of the cohort.",
        schema: Type.String({ minLength: 1, maxLength: cohortLimits.nameLengthMax }),
      },
      column,
    ],
    body: { [json]: Type.Union([BehaviouralCohort, StaticCohort]), [csv]: ids },
    success: { status: 201, description: "The cohort.", content: json, schema: Cohort },
    errors: [
      "MALFORMED_JSON",
      "INVALID_ENCODING",
      "INVALID_BODY",
      "INVALID_QUERY",
      "INVALID_PARAMETER",
      "EMPTY_BODY",
      "BODY_TOO_LARGE",
      "UNSUPPORTED_MEDIA_TYPE",
      "CONFLICT",
    ],
  },
  {
    method: "GET",
    path: "/v1/cohorts",
    service: { subject: "svc.cohorts.list", msMax: adminMsMax },
    scope: ["read", "admin"],
    tag: "Cohorts",
    summary: "List cohorts, with their size and freshness",
    success: {
      status: 200,
      description: "The cohorts, without their definitions.",
      content: json,
      schema: Type.Object({ cohorts: Type.Array(Cohort) }),
    },
    errors: [],
  },
  {
    method: "GET",
    path: "/v1/cohorts/{id}",
    service: { subject: "svc.cohorts.get", msMax: adminMsMax },
    scope: ["read", "admin"],
    tag: "Cohorts",
    summary: "A cohort and its definition",
    parameters: [id],
    success: { status: 200, description: "The cohort.", content: json, schema: Cohort },
    errors: ["COHORT_NOT_FOUND"],
  },
  {
    method: "GET",
    path: "/v1/cohorts/{id}/users",
    service: { subject: "svc.query.cohort_users", msMax: adminMsMax },
    scope: ["read", "admin"],
    tag: "Cohorts",
    summary: "The members of a cohort, page by page",
    parameters: [id, ...inQuery(CohortUsersParameters, ["id"])],
    success: { status: 200, description: "One id for each person.", content: json, schema: CohortUsers },
    errors: ["COHORT_NOT_FOUND", "INVALID_PARAMETER"],
  },
  {
    method: "POST",
    path: "/v1/cohorts/{id}/ids",
    service: { subject: "svc.cohorts.add_ids", msMax: refreshMsMax, bodyBytesMax: cohortLimits.bodyBytesMax },
    scope: ["read", "admin"],
    tag: "Cohorts",
    summary: "Add ids to a static cohort",
    parameters: [id, column],
    body: { [json]: CohortIds, [csv]: ids },
    success: { status: 200, description: "The cohort.", content: json, schema: Cohort },
    errors: [
      "MALFORMED_JSON",
      "INVALID_ENCODING",
      "INVALID_BODY",
      "INVALID_PARAMETER",
      "EMPTY_BODY",
      "BODY_TOO_LARGE",
      "UNSUPPORTED_MEDIA_TYPE",
      "COHORT_NOT_FOUND",
      "CONFLICT",
    ],
  },
  {
    method: "DELETE",
    path: "/v1/cohorts/{id}",
    service: { subject: "svc.cohorts.delete", msMax: adminMsMax },
    scope: ["read", "admin"],
    tag: "Cohorts",
    summary: "Delete a cohort",
    description: "A cohort that the definition of another one names cannot be deleted before that.",
    parameters: [id],
    success: { status: 200, description: "It is gone.", content: json, schema: anyObject },
    errors: ["COHORT_NOT_FOUND", "CONFLICT"],
  },
];
