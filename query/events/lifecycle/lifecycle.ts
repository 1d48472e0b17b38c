// svc.query.lifecycle: the body of POST /v1/query/lifecycle to its answer.
import type { LifecycleAnswer } from "#schemas/query/lifecycle.ts";
import { createQuery } from "../../answer-query.ts";
import type { SqlContext } from "../../sql/context.ts";
import { Parameters } from "../../sql/parameters.ts";
import type { QueryRun } from "../../store/query-run.ts";
import { readSetRows, turnoverOf } from "../../sets/count-in-parts.ts";
import type { Turnover } from "../../sets/count-sets.ts";
import type { TaskPool } from "../../task-pool.ts";
import { bucketKeys } from "../../sql/bucket-numbers.ts";
import { historyKey, personSetsSql, planSets, sourcesOf, type IntervalSets } from "../interval-sets.ts";
import { answerWithPartialsOfSets } from "../partials-of-sets.ts";
import type { Shortcuts } from "../../partials/shortcuts.ts";
import { readLifecycleRequest, type LifecycleRequest } from "./request.ts";
import { scopeOfLifecycle } from "./scope.ts";

export const lifecycle = createQuery({
  read: readLifecycleRequest,
  answer: (request, run, context) =>
    answerWithPartialsOfSets(run, context, [setsOf(request)], (partials) =>
      answerLifecycle(request, run, { partials }, context.pool),
    ),
  kept: { name: "lifecycle", scopeOf: scopeOfLifecycle },
});

type Counts = Omit<LifecycleAnswer, "meta" | "explain">;

/**
 * `pool`: threads to count in; absent: this one.
 */
export async function answerLifecycle(
  request: LifecycleRequest,
  run: QueryRun,
  shortcuts: Shortcuts = {},
  pool?: TaskPool,
): Promise<Counts> {
  const sets = setsOf(request);
  const plan = planSets(sets, shortcuts);
  const context: SqlContext = { parameters: new Parameters(), people: run.people };
  // The sets in their order: all history, the interval before the range, the intervals of the range.
  const places = [historyKey, ...bucketKeys(request.buckets)];
  const keys = context.parameters.bind("Array(Int64)", places);
  const sql = `SELECT toInt32(indexOf(${keys}, interval_key) - 1), persons FROM (${personSetsSql(sets, plan, context)})`;
  const rows = await readSetRows(
    run,
    { step: "who is new, stays, comes back or leaves", sources: sourcesOf(plan), plan },
    { sql, parameters: context.parameters.values },
  );
  const turnover = await turnoverOf({ sets: rows, count: places.length }, pool);
  return shapeCounts(request.buckets.startsMs.slice(1), turnover);
}

function setsOf(request: LifecycleRequest): IntervalSets {
  return { ...request, history: true, occurrencesMin: 1 };
}

/** Places of the turnover that come before the range. */
const placesBefore = 2;

function shapeCounts(startsMs: readonly number[], { sizes, fresh, stayed, left }: Turnover): Counts {
  const inRange = (counts: Uint32Array): number[] => [...counts.subarray(placesBefore)];
  const [all, fresher, stayers] = [inRange(sizes), inRange(fresh), inRange(stayed)];
  return {
    buckets: startsMs.map((start) => new Date(start).toISOString()),
    new: fresher,
    returning: stayers,
    resurrecting: all.map((size, at) => size - (fresher[at] as number) - (stayers[at] as number)),
    dormant: inRange(left).map((count) => (count === 0 ? 0 : -count)),
  };
}
