// svc.query.retention: the body of POST /v1/query/retention to its answer.
import type { RetentionAnswer } from "#schemas/query/retention.ts";
import { createQuery } from "../../answer-query.ts";
import type { QueryRun } from "../../store/query-run.ts";
import type { RollupTable } from "../plan-slices.ts";
import { compileTables, compileTop, type Tables } from "./compile.ts";
import { readRetentionRequest, type RetentionRequest } from "./request.ts";
import { shapeCohorts, shapeTable, shapeValues } from "./shape.ts";

export const retention = createQuery({
  read: readRetentionRequest,
  answer: (request, run) => answerRetention(request, run),
});

/** `rollups`: tables that may be used instead of rows; all when absent. Tests compare. */
export async function answerRetention(
  request: RetentionRequest,
  run: QueryRun,
  rollups?: readonly RollupTable[],
): Promise<Pick<RetentionAnswer, "cohorts" | "breakdowns">> {
  const { breakdown } = request;
  const options = { people: run.people, rollups };
  const read = (tables: Tables) => {
    const { statement, sources } = compileTables(request, tables, options);
    return run.rows({ step: "rows and returns", sources }, statement);
  };
  if (breakdown === undefined) return shapeTable(request, await read("one"));
  if ("cohorts" in breakdown) return shapeCohorts(request, breakdown.cohorts, await read(breakdown));
  const { statement, sources } = compileTop(request, breakdown, options);
  const values = await run.rows({ step: `values of ${breakdown.property}`, sources }, statement);
  const top = values.map((row) => row[0] as string | null);
  return shapeValues(request, top, await read({ values: breakdown, top }));
}
