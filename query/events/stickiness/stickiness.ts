// svc.query.stickiness: the body of POST /v1/query/stickiness to its answer.
import type { StickinessAnswer, StickinessSeries } from "#schemas/query/stickiness.ts";
import { createQuery } from "../../answer-query.ts";
import type { SqlContext } from "../../sql/context.ts";
import { Parameters } from "../../sql/parameters.ts";
import { mapBounded, type QueryRun } from "../../store/query-run.ts";
import { personSetsSql, planSets, sourcesOf, type IntervalSets } from "../interval-sets.ts";
import { answerWithPartialsOfSets } from "../partials-of-sets.ts";
import { readSetRows, timesOf } from "../../sets/count-in-parts.ts";
import type { TaskPool } from "../../task-pool.ts";
import type { Shortcuts } from "../../partials/shortcuts.ts";
import { readStickinessRequest, type StickinessRequest } from "./request.ts";
import { scopeOfStickiness } from "./scope.ts";

export const stickiness = createQuery({
  read: readStickinessRequest,
  answer: (request, run, context) => {
    const sets = request.series.map((series) => setsOf(request, series));
    return answerWithPartialsOfSets(run, context, sets, (partials) =>
      answerStickiness(request, run, { partials }, context.pool),
    );
  },
  kept: { name: "stickiness", scopeOf: scopeOfStickiness },
});

/**
 * `pool`: threads to count in; absent: this one.
 */
export async function answerStickiness(
  request: StickinessRequest,
  run: QueryRun,
  shortcuts: Shortcuts = {},
  pool?: TaskPool,
): Promise<Pick<StickinessAnswer, "intervals" | "series">> {
  const series = await mapBounded(request.series, (each) =>
    answerSeries(request, each, run, { shortcuts, pool }),
  );
  return { intervals: request.buckets.startsMs.length, series };
}

function setsOf(
  { buckets, fromMs, endMs }: StickinessRequest,
  series: StickinessRequest["series"][number],
): IntervalSets {
  return { selector: series, buckets, fromMs, endMs, history: false, occurrencesMin: 1 };
}

async function answerSeries(
  request: StickinessRequest,
  series: StickinessRequest["series"][number],
  run: QueryRun,
  { shortcuts, pool }: { shortcuts: Shortcuts; pool: TaskPool | undefined },
): Promise<StickinessSeries> {
  const { buckets } = request;
  const sets = setsOf(request, series);
  const plan = planSets(sets, shortcuts);
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
