// A retention query with every default filled in and every rule beyond its shape checked; nothing is asked of a store.
import { compileCheck, invalidQuery, type FieldProblem } from "#schemas/query/check.ts";
import type { EventSelection } from "#schemas/query/event-selection.ts";
import type { Filter } from "#schemas/query/filter.ts";
import { queryLimits } from "#schemas/query/limits.ts";
import {
  RetentionQuery,
  RetentionUsersQuery,
  type RetentionQuery as Query,
  type RetentionType,
} from "#schemas/query/retention.ts";
import type { QueryRequest } from "../../answer-query.ts";
import type { CohortUse } from "../../people/people.ts";
import { checkFilters, checkProperty } from "../../sql/check-filters.ts";
import type { ValueSource } from "../../sql/value-text.ts";
import type { Buckets } from "../../time/buckets.ts";
import { bucketsFrom, bucketsUpTo } from "../../time/count-buckets.ts";
import { readEdges } from "../../time/range.ts";
import type { EventSelector } from "../event-conditions.ts";

export type Breakdown =
  | (ValueSource & { readonly limit: number })
  /** One table for each, of its members. */
  | { readonly cohorts: readonly string[] };

export interface RetentionRequest extends QueryRequest {
  readonly target: EventSelector;
  readonly returning: EventSelector;
  readonly type: RetentionType;
  /** One row each. */
  readonly buckets: Buckets;
  /** Events from this instant on are ignored. */
  readonly endMs: number;
  readonly cumulative: boolean;
  readonly occurrencesMin: number;
  readonly breakdown: Breakdown | undefined;
}

export interface RetentionUsersRequest extends RetentionRequest {
  readonly row: number;
  readonly limit: number;
  /** Persons with this number or a higher one. */
  readonly firstPerson: number;
}

const periodsDefault = 11;
const breakdownLimitDefault = 25;
const usersLimitDefault = 100;
const checkShape = compileCheck(RetentionQuery);
const checkUsersShape = compileCheck(RetentionUsersQuery);

/** Throws INVALID_QUERY with the path of every wrong field. */
export function readRetentionRequest(body: unknown, nowMs: number): RetentionRequest {
  return readTable(checkShape(body), nowMs);
}

/** Throws INVALID_QUERY with the path of every wrong field. */
export function readRetentionUsersRequest(body: unknown, nowMs: number): RetentionUsersRequest {
  const { row, limit = usersLimitDefault, cursor, ...query } = checkUsersShape(body);
  const request = readTable(query, nowMs);
  const rows = request.buckets.startsMs.length;
  if (row >= rows) throw invalidQuery([{ path: "row", message: `must be below \`periods\`, ${rows}` }]);
  const firstPerson = cursor === undefined ? 0 : readCursor(cursor);
  return { ...request, row, limit, firstPerson };
}

function readTable(query: Query, nowMs: number): RetentionRequest {
  const breakdown = readBreakdown(query.breakdown);
  const cohortsUsed = checkFilters([
    { path: "filters", filters: query.filters },
    { path: "target.filters", filters: query.target.filters },
    { path: "returning.filters", filters: query.returning?.filters },
  ]);
  const periods = query.periods ?? periodsDefault;
  const problems: FieldProblem[] = [];
  if (breakdown !== undefined && "property" in breakdown) {
    problems.push(...checkProperty(breakdown.property, breakdown.on, "breakdown"));
  }
  problems.push(...checkSize(periods, breakdown));
  if (problems.length > 0) throw invalidQuery(problems);

  const { zone, fromMs, endMs } = readEdges(query);
  const calendar = { zone, interval: query.period ?? "day", weekStart: query.week_start ?? "monday" };
  const buckets =
    fromMs === undefined
      ? bucketsUpTo(endMs === undefined ? nowMs : endMs - 1, periods, calendar)
      : bucketsFrom(fromMs, periods, calendar);
  return {
    target: readSelector(query.target, query.filters),
    returning: readSelector(query.returning ?? query.target, query.filters),
    type: query.type ?? "recurring",
    buckets,
    endMs: Math.min(buckets.endMs, endMs ?? buckets.endMs),
    cumulative: query.cumulative === true,
    occurrencesMin: query.min_occurrences ?? 1,
    breakdown,
    cohortsUsed: [...cohortsUsed, ...cohortsOf(breakdown)],
    explain: query.explain === true,
  };
}

function readSelector({ event, filters }: EventSelection, common: readonly Filter[] = []): EventSelector {
  return { event: event ?? null, filters: [...common, ...(filters ?? [])] };
}

function readBreakdown(given: Query["breakdown"]): Breakdown | undefined {
  if (given === undefined || "cohorts" in given) return given;
  const { property, on, limit } = given;
  return { property, on: on ?? "event", limit: limit ?? breakdownLimitDefault };
}

function cohortsOf(breakdown: Breakdown | undefined): CohortUse[] {
  if (breakdown === undefined || !("cohorts" in breakdown)) return [];
  return breakdown.cohorts.map((id, index) => ({ id, path: `breakdown.cohorts[${index}]` }));
}

function checkSize(periods: number, breakdown: Breakdown | undefined): FieldProblem[] {
  if (breakdown === undefined) return [];
  const tables = "cohorts" in breakdown ? breakdown.cohorts.length + 1 : breakdown.limit + 1;
  const tablesMax = Math.floor(queryLimits.retentionPointsMax / ((periods * (periods + 1)) / 2));
  if (tables <= tablesMax) return [];
  return [
    {
      path: "cohorts" in breakdown ? "breakdown.cohorts" : "breakdown.limit",
      message: `gives more than ${queryLimits.retentionPointsMax} numbers with ${periods} periods; at most ${tablesMax - 1} are possible`,
    },
  ];
}

/** Where the next page begins, as text that says nothing to others. */
export function writeCursor(firstPerson: number): string {
  return Buffer.from(`p${firstPerson}`).toString("base64url");
}

function readCursor(cursor: string): number {
  const number = /^p(\d{1,10})$/.exec(Buffer.from(cursor, "base64url").toString())?.[1];
  if (number === undefined || Number(number) >= 2 ** 32) {
    throw invalidQuery([{ path: "cursor", message: "must be `next` of the page before" }]);
  }
  return Number(number);
}
