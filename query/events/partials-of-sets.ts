// What is kept of the events whose persons a query puts into sets by interval.
import { answerWithPartials } from "../partials/answer-with-partials.ts";
import type { Partials } from "../partials/load-partials.ts";
import type { QueryContext } from "../query-context.ts";
import type { QueryRun } from "../store/query-run.ts";
import { rangeOfSets, wantedOfSets, type IntervalSets } from "./interval-sets.ts";

export function answerWithPartialsOfSets<T>(
  run: QueryRun,
  context: Pick<QueryContext, "postgres" | "keptStates" | "demand">,
  sets: readonly IntervalSets[],
  answer: (partials: Partials) => Promise<T>,
): Promise<T> {
  const ranges = sets.map(rangeOfSets);
  const asked = {
    wanted: sets.flatMap((each) => wantedOfSets(each) ?? []),
    fromMs: Math.min(...ranges.map(({ fromMs }) => fromMs)),
    endMs: Math.max(...ranges.map(({ endMs }) => endMs)),
    boundsMs: sets[0]?.buckets.startsMs ?? [],
  };
  return answerWithPartials(run, context, asked, answer);
}
