// svc.query.cohort_users: the members of a cohort, page by page, in the order of their persons' numbers.
import { cohortLimits, CohortUsersParameters, type CohortUsers } from "#schemas/cohorts/cohort.ts";
import { MillraceError } from "#schemas/errors.ts";
import { compileCheck } from "#schemas/query/check.ts";
import type { Call } from "#streams/services.ts";
import { parseBody } from "../parse-body.ts";
import { cohortBitmapSql } from "../people/cohort-sql.ts";
import { namePersons } from "../people/name-persons.ts";
import { loadPeople } from "../people/people.ts";
import type { QueryContext } from "../query-context.ts";
import { Parameters } from "../sql/parameters.ts";
import { runStatement } from "../store/run-statement.ts";

const check = compileCheck(CohortUsersParameters);
const numberMax = 2 ** 32 - 1;

export async function cohortUsers(
  context: QueryContext,
  payload: Uint8Array,
  call: Call,
): Promise<CohortUsers> {
  const { id, limit, firstNumber } = readParameters(parseBody(payload));
  const refreshedAt = await findRefresh(context, call.projectId, id);
  const people = await loadPeople(context.postgres, call.projectId, [{ id, path: "id" }]);
  const parameters = new Parameters();
  const members = cohortBitmapSql(id, { parameters, people });
  // One more than asked tells whether there is a next page, and where it begins.
  const page = `bitmapSubsetLimit(${members}, ${parameters.bind("UInt32", firstNumber)}, ${parameters.bind("UInt32", limit + 1)})`;
  const { rows } = await runStatement(
    context.store,
    {
      sql: `SELECT arrayJoin(bitmapToArray(${page})) AS person ORDER BY person`,
      parameters: parameters.values,
    },
    call,
  );
  const persons = rows.map(([person]) => person as number);
  const names = await namePersons(context.postgres, call.projectId, persons.slice(0, limit));
  return {
    users: persons.slice(0, limit).flatMap((person) => names.get(person) ?? []),
    next: persons.length > limit ? String(persons[limit]) : null,
    refreshed_at: refreshedAt,
  };
}

function readParameters(given: unknown): { id: string; limit: number; firstNumber: number } {
  const { id, limit, cursor } = checkParameters(given);
  const wrong = (path: string, message: string): MillraceError =>
    new MillraceError("INVALID_PARAMETER", {
      message: `A parameter is wrong: \`${path}\`: ${message}.`,
      details: [{ path, message }],
    });
  const users = limit === undefined ? cohortLimits.usersPerPageDefault : Number(limit);
  if (users < 1 || users > cohortLimits.usersPerPageMax) {
    throw wrong("limit", `must be 1 to ${cohortLimits.usersPerPageMax}`);
  }
  const firstNumber = cursor === undefined ? 0 : Number(cursor);
  if (cursor !== undefined && (!/^\d{1,10}$/.test(cursor) || firstNumber > numberMax)) {
    throw wrong("cursor", "must be `next` of the page before");
  }
  return { id, limit: users, firstNumber };
}

function checkParameters(given: unknown): ReturnType<typeof check> {
  try {
    return check(given);
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code !== "INVALID_QUERY") throw error;
    const message = error.message.replace("The query does not match its contract", "A parameter is wrong");
    throw new MillraceError("INVALID_PARAMETER", { message, details: error.details });
  }
}

async function findRefresh(context: QueryContext, projectId: number, id: string): Promise<string | null> {
  const { rows } = await context.postgres.query<{ refreshed_at: Date | null }>(
    "SELECT refreshed_at FROM cohorts WHERE project_id = $1 AND public_id = $2 AND deleted_at IS NULL",
    [projectId, id],
  );
  const row = rows[0];
  if (row === undefined) throw new MillraceError("COHORT_NOT_FOUND");
  return row.refreshed_at?.toISOString() ?? null;
}
