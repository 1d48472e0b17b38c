// svc.query.stickiness: the body of POST /v1/query/stickiness to its answer.
import type { StickinessAnswer, StickinessSeries } from "#schemas/query/stickiness.ts";
import { createQuery } from "../../answer-query.ts";
import type { SqlContext } from "../../sql/context.ts";
import { Parameters } from "../../sql/parameters.ts";
import { mapBounded, type QueryRun } from "../../store/query-run.ts";
import { personSetsSql, planSets, sourcesOf } from "../interval-sets.ts";
import { readSetRows, timesOf } from "../../sets/count-in-parts.ts";
import type { TaskPool } from "../../task-pool.ts";
import type { RollupTable } from "../plan-slices.ts";
import { readStickinessRequest, type StickinessRequest } from "./request.ts";

export const stickiness = createQuery({
  read: readStickinessRequest,
  answer: (request, run, context) => answerStickiness(request, run, undefined, context.pool),
});

/**
 * `rollups`: tables that may be used instead of rows; all when absent. Tests compare.
 * `pool`: threads to count in; absent: this one.
 */
export async function answerStickiness(
  request: StickinessRequest,
  run: QueryRun,
  rollups?: readonly RollupTable[],
  pool?: TaskPool,
): Promise<Pick<StickinessAnswer, "intervals" | "series">> {
  const series = await mapBounded(request.series, (each) =>
    answerSeries(request, each, run, { rollups, pool }),
  );
  return { intervals: request.buckets.startsMs.length, series };
}

async function answerSeries(
  request: StickinessRequest,
  series: StickinessRequest["series"][number],
  run: QueryRun,
  { rollups, pool }: { rollups: readonly RollupTable[] | undefined; pool: TaskPool | undefined },
): Promise<StickinessSeries> {
  const { buckets, fromMs, endMs } = request;
  const sets = { selector: series, buckets, fromMs, endMs, history: false, occurrencesMin: 1 };
  const plan = planSets(sets, rollups);
  const context: SqlContext = { parameters: new Parameters(), people: run.people };
  const rows = await readSetRows(
    run,
    { step: series.label, sources: sourcesOf(plan), plan },
    {
      sql: `SELECT persons FROM (${personSetsSql(sets, plan, context)})`,
      parameters: context.parameters.values,
    },
  );
  return shapeSeries(series.label, buckets.startsMs.length, await timesOf({ sets: rows, numbers: 0 }, pool));
}

/** `usersOf`: people by the number of their intervals. */
function shapeSeries(label: string, intervals: number, usersOf: Uint32Array): StickinessSeries {
  const counts: StickinessSeries["counts"] = [];
  let atLeast = 0;
  for (let count = intervals; count >= 1; count -= 1) {
    const users = usersOf[count] ?? 0;
    atLeast += users;
    counts.push({ intervals: count, users, users_at_least: atLeast });
  }
  return { label, counts: counts.reverse(), total: atLeast };
}
