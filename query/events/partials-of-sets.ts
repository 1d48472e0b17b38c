// What is kept of the events whose persons a query puts into sets by interval.
import type { Postgres } from "#ops/runtime/postgres.ts";
import { loadPartials, type Partials } from "../partials/load-partials.ts";
import type { QueryRun } from "../store/query-run.ts";
import { rangeOfSets, wantedOfSets, type IntervalSets } from "./interval-sets.ts";

export function loadPartialsOfSets(
  run: QueryRun,
  postgres: Postgres,
  sets: readonly IntervalSets[],
): Promise<Partials> {
  const ranges = sets.map(rangeOfSets);
  return loadPartials(
    run,
    postgres,
    sets.flatMap((each) => wantedOfSets(each) ?? []),
    {
      fromMs: Math.min(...ranges.map(({ fromMs }) => fromMs)),
      endMs: Math.max(...ranges.map(({ endMs }) => endMs)),
    },
  );
}
