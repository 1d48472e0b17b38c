// svc.query.cohort_statement: a definition to the statement that finds its people. The workers ask for it, and run it
// as the owner of the tables; nothing is read here but which cohorts exist.
import type { CohortStatement } from "#schemas/cohorts/cohort.ts";
import type { Call } from "#streams/services.ts";
import { checkReads } from "../expiry/expiry.ts";
import { parseBody } from "../parse-body.ts";
import { loadPeople } from "../people/people.ts";
import type { QueryContext } from "../query-context.ts";
import { projectParameter } from "../sql/scope.ts";
import { compileDefinition } from "./compile-definition.ts";
import { readDefinition } from "./read-definition.ts";

/** Throws INVALID_QUERY with the path of everything that is wrong, beginning with `definition`. */
export async function cohortStatement(
  context: QueryContext,
  payload: Uint8Array,
  call: Call,
): Promise<CohortStatement> {
  const asOfMs = Date.now();
  const { definition } = parseBody(payload) as { definition?: unknown };
  const { root, cohortsUsed } = readDefinition(definition, "definition", asOfMs);
  const people = await loadPeople(context.postgres, call.projectId, cohortsUsed);
  const statement = compileDefinition(root, people);
  checkReads([statement], (await context.answers.stateOf(call.projectId)).expiry);
  const { sql, parameters } = statement;
  return {
    sql,
    parameters: { ...parameters, [projectParameter]: call.projectId },
    asOfMs,
    uses: [...people.cohorts.values()],
  };
}
