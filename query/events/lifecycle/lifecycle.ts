// svc.query.lifecycle: the body of POST /v1/query/lifecycle to its answer.
import type { LifecycleAnswer } from "#schemas/query/lifecycle.ts";
import { createQuery } from "../../answer-query.ts";
import type { SqlContext } from "../../sql/context.ts";
import { Parameters } from "../../sql/parameters.ts";
import type { QueryRun } from "../../store/query-run.ts";
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
      answerLifecycle(request, run, { partials }),
    ),
  kept: { name: "lifecycle", scopeOf: scopeOfLifecycle },
});

type Counts = Omit<LifecycleAnswer, "meta" | "explain">;

/**
 * Of sets in their order the store says three sizes each, and sends no set: of the set itself, of all up to it, and of it
 * with the one before. Whoever is new makes all of them larger; whoever stays makes the two smaller than their sum.
 */
export async function answerLifecycle(
  request: LifecycleRequest,
  run: QueryRun,
  shortcuts: Shortcuts = {},
): Promise<Counts> {
  const sets = setsOf(request);
  const plan = planSets(sets, shortcuts);
  const context: SqlContext = { parameters: new Parameters(), people: run.people };
  // All history, the interval before the range, the intervals of the range.
  const keys = context.parameters.bind("Array(Int64)", [historyKey, ...bucketKeys(request.buckets)]);
  const sizeWith = (preceding: string): string =>
    `groupBitmapMerge(persons) OVER (ORDER BY place ROWS BETWEEN ${preceding} PRECEDING AND CURRENT ROW)`;
  const sql = [
    `SELECT indexOf(${keys}, interval_key) AS place, bitmapCardinality(persons), ${sizeWith("UNBOUNDED")}, ${sizeWith("1")}`,
    `FROM (${personSetsSql(sets, plan, context)})`,
    "ORDER BY place",
  ].join("\n");
  const rows = await run.rows(
    { step: "who is new, stays, comes back or leaves", sources: sourcesOf(plan), plan },
    { sql, parameters: context.parameters.values },
  );
  return shapeCounts(
    request.buckets.startsMs.slice(1),
    rows.map((row) => ({
      size: Number(row[1]),
      withAllBefore: Number(row[2]),
      withOneBefore: Number(row[3]),
    })),
  );
}

function setsOf(request: LifecycleRequest): IntervalSets {
  return { ...request, history: true, occurrencesMin: 1 };
}

interface SetSizes {
  readonly size: number;
  readonly withAllBefore: number;
  readonly withOneBefore: number;
}

/** Sets that come before the range. */
const setsBefore = 2;

function shapeCounts(startsMs: readonly number[], sets: readonly SetSizes[]): Counts {
  const counts = { new: [], returning: [], resurrecting: [], dormant: [] } as Record<
    "new" | "returning" | "resurrecting" | "dormant",
    number[]
  >;
  for (let at = setsBefore; at < sets.length; at += 1) {
    const [before, { size, withAllBefore, withOneBefore }] = [sets[at - 1], sets[at]] as [SetSizes, SetSizes];
    const fresh = withAllBefore - before.withAllBefore;
    const stayed = size + before.size - withOneBefore;
    const left = before.size - stayed;
    counts.new.push(fresh);
    counts.returning.push(stayed);
    counts.resurrecting.push(size - fresh - stayed);
    counts.dormant.push(left === 0 ? 0 : -left);
  }
  return { buckets: startsMs.map((start) => new Date(start).toISOString()), ...counts };
}
