// svc.query.check_job: what is asked for the background, checked as if it were answered now, without reading events.
import { MillraceError } from "#schemas/errors.ts";
import { NewJob } from "#schemas/jobs/job.ts";
import { compileCheck, invalidQuery, type FieldProblem } from "#schemas/query/check.ts";
import type { Call } from "#streams/services.ts";
import { parseBody } from "../parse-body.ts";
import { loadPeople } from "../people/people.ts";
import type { QueryContext } from "../query-context.ts";
import { kindsOfJobs } from "./job-kinds.ts";

const checkShape = compileCheck(NewJob);

/** Throws INVALID_QUERY with the path of every wrong field, beginning with `query`. */
export async function checkJob(context: QueryContext, payload: Uint8Array, call: Call): Promise<NewJob> {
  const job = checkShape(parseBody(payload));
  try {
    const { cohortsUsed } = kindsOfJobs[job.kind].read(job.query, Date.now());
    await loadPeople(context.postgres, call.projectId, cohortsUsed);
  } catch (error) {
    throw error instanceof MillraceError && error.code === "INVALID_QUERY" ? inQuery(error) : error;
  }
  return job;
}

function inQuery(error: MillraceError): MillraceError {
  const problems = error.details as readonly FieldProblem[];
  return invalidQuery(
    problems.map(({ path, message }) => ({ path: path === "" ? "query" : `query.${path}`, message })),
  );
}
