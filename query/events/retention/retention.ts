// svc.query.retention: the body of POST /v1/query/retention to its answer.
import type { RetentionAnswer } from "#schemas/query/retention.ts";
import { createQuery } from "../../answer-query.ts";
import { answerWithPartialsOfSets } from "../partials-of-sets.ts";
import type { QueryRun } from "../../store/query-run.ts";
import type { TaskPool } from "../../task-pool.ts";
import { overlapsOf, readSetRows } from "../../sets/count-in-parts.ts";
import type { Overlaps } from "../../sets/count-sets.ts";
import type { Shortcuts } from "../../partials/shortcuts.ts";
import {
  compileMembers,
  compileReturns,
  compileTop,
  membersReturn,
  returningSets,
  type Tables,
} from "./compile.ts";
import { retentionSampling } from "../../sampling/retention-sampling.ts";
import { targetSets } from "./members.ts";
import { readRetentionRequest, type RetentionRequest } from "./request.ts";
import { scopeOfRetention } from "./scope.ts";
import { shapeCohorts, shapeTable, shapeValues } from "./shape.ts";

/** What is kept holds everybody; a sample is read from rows. */
const rowsOnly: Shortcuts = { rollups: [] };

export const retention = createQuery({
  read: readRetentionRequest,
  answer: (request, run, context) => {
    const { pool } = context;
    if (run.people.sample !== undefined) return answerRetention(request, run, rowsOnly, pool);
    const sets = [targetSets(request), returningSets(request, 0)];
    return answerWithPartialsOfSets(run, context, sets, (partials) =>
      answerRetention(request, run, { partials }, pool),
    );
  },
  sampling: retentionSampling,
  kept: { name: "retention", scopeOf: scopeOfRetention },
});

/**
 * `pool`: threads to count in; absent: this one.
 */
export async function answerRetention(
  request: RetentionRequest,
  run: QueryRun,
  shortcuts: Shortcuts = {},
  pool?: TaskPool,
): Promise<Pick<RetentionAnswer, "cohorts" | "breakdowns">> {
  const { breakdown } = request;
  const options = { people: run.people, shortcuts };
  const count = request.buckets.startsMs.length;
  const alone = { others: undefined, count };
  const read = async (tables: Tables): Promise<Overlaps> => {
    const rows = compileMembers(request, tables, options);
    const members = readSetRows(run, { step: "members of the rows", sources: rows.sources }, rows.statement);
    if (membersReturn(request, tables)) return overlapsOf({ members: await members, ...alone }, pool);
    const returns = compileReturns(request, options);
    const [memberBytes, others] = await Promise.all([
      members,
      readSetRows(run, { step: "who returned", sources: returns.sources }, returns.statement),
    ]);
    return overlapsOf({ members: memberBytes, others, count }, pool);
  };
  if (breakdown === undefined) return shapeTable(request, await read("one"));
  if ("cohorts" in breakdown) return shapeCohorts(request, breakdown.cohorts, await read(breakdown));
  const { statement, sources } = compileTop(request, breakdown, options);
  const values = await run.rows({ step: `values of ${breakdown.property}`, sources }, statement);
  const top = values.map((row) => row[0] as string | null);
  return shapeValues(request, top, await read({ values: breakdown, top }));
}
