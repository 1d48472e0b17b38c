// The names of events that a paths query can meet, numbered in the order of their bytes: a number stands for a name
// in the store's answer, and sorting by it is sorting by name.
import { MillraceError } from "#schemas/errors.ts";
import { Parameters } from "../../sql/parameters.ts";
import { fromTable } from "../../sql/scope.ts";
import type { QueryRun } from "../../store/query-run.ts";
import { rangeSql } from "../bucket-sql.ts";
import type { PathsRequest } from "./request.ts";

/** Numbers of names have 19 bits: see compile.ts. */
export const namesMax = 2 ** 19;

const dayMs = 86_400_000;

export interface EventNames {
  readonly names: readonly string[];
  /** Events of these names on the days of the range: at least those that are read. */
  readonly events: number;
}

export async function loadEventNames(request: PathsRequest, run: QueryRun): Promise<EventNames> {
  const parameters = new Parameters();
  const days = {
    fromMs: Math.floor(request.fromMs / dayMs) * dayMs,
    endMs: Math.ceil(request.endMs / dayMs) * dayMs,
  };
  const rows = await run.rows(
    { step: "names of events", sources: [] },
    {
      sql: [
        "SELECT toString(event), sum(events)",
        fromTable("rollup_day", [rangeSql("rollup_day", days, parameters)]),
        "GROUP BY event HAVING sum(events) > 0",
      ].join("\n"),
      parameters: parameters.values,
    },
  );
  const { anchor } = request;
  const used = (rows as readonly [string, number][]).filter(
    ([name]) => anchor.event === null || anchor.event === name || isStep(name, request),
  );
  if (used.length > namesMax) {
    throw new MillraceError("QUERY_TOO_EXPENSIVE", {
      message: `The range has ${used.length} names of events; a path takes ${namesMax}. Name some with \`include\`.`,
      details: [{ budget: "names" }],
    });
  }
  return {
    names: used
      .map(([name]) => name)
      .sort((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right))),
    events: used.reduce((sum, [, events]) => sum + events, 0),
  };
}

export function isStep(name: string, request: PathsRequest): boolean {
  return request.include?.has(name) !== false && !request.exclude.has(name);
}
