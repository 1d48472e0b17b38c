// svc.query.lifecycle: the body of POST /v1/query/lifecycle to its answer.
import type { LifecycleAnswer } from "#schemas/query/lifecycle.ts";
import { createQuery } from "../../answer-query.ts";
import type { SqlContext } from "../../sql/context.ts";
import { Parameters } from "../../sql/parameters.ts";
import type { QueryRun } from "../../store/query-run.ts";
import { personSetsSql, planSets, sourcesOf } from "../interval-sets.ts";
import type { RollupTable } from "../plan-slices.ts";
import { readLifecycleRequest, type LifecycleRequest } from "./request.ts";

export const lifecycle = createQuery({
  read: readLifecycleRequest,
  answer: (request, run) => answerLifecycle(request, run),
});

type Counts = Omit<LifecycleAnswer, "meta" | "explain">;

/** `rollups`: tables that may be used instead of rows; all when absent. Tests compare. */
export async function answerLifecycle(
  request: LifecycleRequest,
  run: QueryRun,
  rollups?: readonly RollupTable[],
): Promise<Counts> {
  const sets = { ...request, history: true, occurrencesMin: 1 };
  const plan = planSets(sets, rollups);
  const context: SqlContext = { parameters: new Parameters(), people: run.people };
  // The sets come in order: all history, the interval before the range, the intervals of the range.
  const sql = [
    "SELECT bitmapAndnotCardinality(persons, persons_ever) AS new, bitmapAndCardinality(persons, persons_before) AS returning,",
    "bitmapCardinality(persons) - new - returning AS resurrecting, -bitmapAndnotCardinality(persons_before, persons) AS dormant",
    "FROM (SELECT interval_key, persons,",
    "groupBitmapMergeState(persons) OVER (ORDER BY interval_key ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS persons_ever,",
    "groupBitmapMergeState(persons) OVER (ORDER BY interval_key ROWS BETWEEN 1 PRECEDING AND 1 PRECEDING) AS persons_before",
    `FROM (${personSetsSql(sets, plan, context)}))`,
    "ORDER BY interval_key",
  ].join("\n");
  const rows = await run.rows(
    { step: "who is new, stays, comes back or leaves", sources: sourcesOf(plan), plan },
    { sql, parameters: context.parameters.values },
  );
  return shapeCounts(request.buckets.startsMs.slice(1), rows.slice(2) as [number, number, number, number][]);
}

function shapeCounts(
  startsMs: readonly number[],
  rows: readonly (readonly [number, number, number, number])[],
): Counts {
  if (rows.length !== startsMs.length) throw new Error("lifecycle: the store answered other intervals");
  return {
    buckets: startsMs.map((start) => new Date(start).toISOString()),
    new: rows.map((row) => row[0]),
    returning: rows.map((row) => row[1]),
    resurrecting: rows.map((row) => row[2]),
    dormant: rows.map((row) => row[3]),
  };
}
