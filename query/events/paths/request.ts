// A paths query with every default filled in and every rule beyond its shape checked.
import { compileCheck, invalidQuery } from "#schemas/query/check.ts";
import type { Filter } from "#schemas/query/filter.ts";
import { PathsQuery } from "#schemas/query/paths.ts";
import type { QueryRequest } from "../../answer-query.ts";
import { sessionProblems } from "../../sessions/refuse-sessions.ts";
import { checkFilters } from "../../sql/check-filters.ts";
import { readRange } from "../../time/range.ts";

export interface PathsRequest extends QueryRequest {
  readonly fromMs: number;
  /** First instant after the range. */
  readonly endMs: number;
  /** Of the anchor and of every step. */
  readonly filters: readonly Filter[];
  readonly anchor: { readonly event: string | null; readonly filters: readonly Filter[] };
  readonly direction: "next" | "previous";
  readonly steps: number;
  /** Undefined: every name. */
  readonly include: ReadonlySet<string> | undefined;
  readonly exclude: ReadonlySet<string>;
  /** Undefined: anywhere in the range. */
  readonly withinMs: number | undefined;
  readonly collapseRepeats: boolean;
  readonly occurrence: "first" | "every";
  readonly nodeLimit: number;
  readonly edgeLimit: number;
}

const checkShape = compileCheck(PathsQuery);

/** Throws INVALID_QUERY with the path of every wrong field. */
export function readPathsRequest(body: unknown, nowMs: number): PathsRequest {
  const query = checkShape(body);
  const anchorFilters = query.anchor?.filters ?? [];
  const cohortsUsed = checkFilters([
    { path: "filters", filters: query.filters },
    { path: "anchor.filters", filters: anchorFilters },
  ]);
  const exclude = new Set(query.exclude);
  const nothing = query.include?.every((name) => exclude.has(name)) === true;
  if (nothing) {
    throw invalidQuery([{ path: "exclude", message: "must leave at least one event of `include`" }]);
  }
  const problems = sessionProblems(query.anchor?.event, "anchor.event");
  if (problems.length > 0) throw invalidQuery(problems);
  const { fromMs, endMs } = readRange(query, nowMs);
  return {
    fromMs,
    endMs,
    filters: query.filters ?? [],
    anchor: { event: query.anchor?.event ?? null, filters: anchorFilters },
    direction: query.direction ?? "next",
    steps: query.steps ?? 3,
    include: query.include === undefined ? undefined : new Set(query.include),
    exclude,
    withinMs: query.within_seconds === undefined ? undefined : query.within_seconds * 1000,
    collapseRepeats: query.collapse_repeats ?? false,
    occurrence: query.occurrence ?? "first",
    nodeLimit: query.node_limit ?? 50,
    edgeLimit: query.edge_limit ?? 100,
    cohortsUsed,
    explain: query.explain === true,
  };
}
