// Queries in the background: asked for, watched, read and cancelled.
import { Type } from "@sinclair/typebox";
import { Job, JobSummary, NewJob } from "../jobs/job.ts";
import { adminMsMax, inPath, json, type Operation } from "./operation.ts";

const scope = ["read", "admin"] as const;
const jobId = inPath("job_id", "Id of the job.");

export const jobsOperations: readonly Operation[] = [
  {
    method: "POST",
    path: "/v1/query/jobs",
    service: { subject: "svc.jobs.create", msMax: adminMsMax },
    scope,
    tag: "Queries",
    summary: "Answer a query in the background",
    description:
      "For queries over more data than one answer may take. The answer is exact. At most two of a project run at " +
      "once, the others wait in their order. A crash in the middle begins the query again.",
    body: { [json]: NewJob },
    success: {
      status: 202,
      description: "It is written down, and will be done.",
      content: json,
      schema: Type.Object({ job_id: Type.String(), state: Type.String() }),
    },
    errors: ["MALFORMED_JSON", "INVALID_QUERY", "BODY_TOO_LARGE", "TOO_MANY_JOBS"],
  },
  {
    method: "GET",
    path: "/v1/query/jobs",
    service: { subject: "svc.jobs.list", msMax: adminMsMax },
    scope,
    tag: "Queries",
    summary: "The latest jobs of the project",
    success: {
      status: 200,
      description: "At most 100, the newest first, without queries and answers.",
      content: json,
      schema: Type.Object({ jobs: Type.Array(JobSummary) }),
    },
    errors: [],
  },
  {
    method: "GET",
    path: "/v1/query/jobs/{job_id}",
    service: { subject: "svc.jobs.get", msMax: adminMsMax, stream: true },
    scope,
    tag: "Queries",
    summary: "How far a job is, and its answer",
    description: "Answers are kept for 7 days.",
    parameters: [jobId],
    success: { status: 200, description: "The job.", content: json, schema: Job },
    errors: ["JOB_NOT_FOUND"],
  },
  {
    method: "DELETE",
    path: "/v1/query/jobs/{job_id}",
    service: { subject: "svc.jobs.cancel", msMax: adminMsMax },
    scope,
    tag: "Queries",
    summary: "Cancel a job",
    description:
      "One that waits or runs becomes `cancelled` at once, and its work ends within a second or two. Of one that " +
      "ended, the answer is dropped.",
    parameters: [jobId],
    success: { status: 200, description: "The job.", content: json, schema: JobSummary },
    errors: ["JOB_NOT_FOUND"],
  },
];
