// A funnel query with every default filled in and every rule beyond its shape checked; nothing is asked of a store.
import { compileCheck, invalidQuery, type FieldProblem } from "#schemas/query/check.ts";
import {
  FunnelQuery,
  FunnelUsersQuery,
  type FunnelOrder,
  type FunnelQuery as Query,
} from "#schemas/query/funnel.ts";
import { queryLimits } from "#schemas/query/limits.ts";
import type { QueryRequest } from "../../answer-query.ts";
import type { CohortUse } from "../../people/people.ts";
import { sessionProblems } from "../../sessions/refuse-sessions.ts";
import { checkFilters, checkProperty } from "../../sql/check-filters.ts";
import type { ValueSource } from "../../sql/value-text.ts";
import type { Buckets } from "../../time/buckets.ts";
import { readRange } from "../../time/range.ts";
import { readBuckets } from "../../time/read-buckets.ts";
import type { EventSelector } from "../event-conditions.ts";
import type { Filter } from "#schemas/query/filter.ts";

export interface FunnelStepRequest extends EventSelector {
  readonly label: string;
}

/** Step numbers count from 0. */
export interface ExclusionRequest extends EventSelector {
  readonly fromStep: number;
  readonly toStep: number;
}

export type FunnelBreakdownRequest =
  | (ValueSource & { readonly limit: number })
  /** One funnel for each, of its members. */
  | { readonly cohorts: readonly string[] };

export interface FunnelRequest extends QueryRequest {
  /** Filters of steps and exclusions are their own; `filters` hold for all of them. */
  readonly steps: readonly FunnelStepRequest[];
  readonly exclusions: readonly ExclusionRequest[];
  readonly filters: readonly Filter[];
  readonly order: FunnelOrder;
  readonly windowMs: number;
  /** Attempts begin in [fromMs, endMs). */
  readonly fromMs: number;
  readonly endMs: number;
  readonly breakdown: FunnelBreakdownRequest | undefined;
  readonly trend: { readonly fromStep: number; readonly buckets: Buckets } | undefined;
  readonly histogram: { readonly binsMax: number } | undefined;
}

export interface FunnelUsersRequest extends FunnelRequest {
  readonly step: number;
  readonly dropped: boolean;
  readonly limit: number;
  /** Persons with this number or a higher one. */
  readonly firstPerson: number;
}

const windowSecondsDefault = 14 * 86_400;
const breakdownLimitDefault = 25;
const binsDefault = 20;
const usersLimitDefault = 100;
const checkShape = compileCheck(FunnelQuery);
const checkUsersShape = compileCheck(FunnelUsersQuery);

/** Throws INVALID_QUERY with the path of every wrong field. */
export function readFunnelRequest(body: unknown, nowMs: number): FunnelRequest {
  return readFunnel(checkShape(body), nowMs);
}

/** Throws INVALID_QUERY with the path of every wrong field. */
export function readFunnelUsersRequest(body: unknown, nowMs: number): FunnelUsersRequest {
  const { step, dropped = false, limit = usersLimitDefault, cursor, ...query } = checkUsersShape(body);
  const problems: FieldProblem[] = [];
  if (step >= query.steps.length) problems.push({ path: "step", message: belowSteps(query) });
  else if (dropped && step === 0) {
    problems.push({
      path: "step",
      message: "must be 1 or more with `dropped`: nothing comes before the first",
    });
  }
  const firstPerson = cursor === undefined ? 0 : readCursor(cursor);
  if (firstPerson === undefined) {
    problems.push({ path: "cursor", message: "must be `next` of the page before" });
  }
  if (problems.length > 0) throw invalidQuery(problems);
  return { ...readFunnel(query, nowMs), step, dropped, limit, firstPerson: firstPerson ?? 0 };
}

function readFunnel(query: Query, nowMs: number): FunnelRequest {
  const breakdown = readBreakdown(query.breakdown);
  const given = query.exclusions ?? [];
  const cohortsUsed = checkFilters([
    { path: "filters", filters: query.filters },
    ...query.steps.map((step, index) => ({ path: `steps[${index}].filters`, filters: step.filters })),
    ...given.map((each, index) => ({ path: `exclusions[${index}].filters`, filters: each.filters })),
  ]);
  const exclusions = given.map((each) => ({
    event: each.event,
    filters: each.filters ?? [],
    fromStep: each.from_step ?? 0,
    toStep: each.to_step ?? query.steps.length - 1,
  }));
  const problems = exclusions.flatMap((each, index) =>
    exclusionProblems(query, each, `exclusions[${index}]`),
  );
  query.steps.forEach(({ event }, index) =>
    problems.push(...sessionProblems(event, `steps[${index}].event`)),
  );
  given.forEach(({ event }, index) => problems.push(...sessionProblems(event, `exclusions[${index}].event`)));
  if (breakdown !== undefined && "property" in breakdown) {
    problems.push(...checkProperty(breakdown.property, breakdown.on, "breakdown"));
  }
  const fromStep = query.from_step ?? 0;
  if (fromStep >= query.steps.length) problems.push({ path: "from_step", message: belowSteps(query) });
  if (problems.length > 0) throw invalidQuery(problems);

  const range = readRange(query, nowMs);
  const calendar = {
    ...range,
    interval: query.interval ?? ("day" as const),
    weekStart: query.week_start ?? ("monday" as const),
  };
  return {
    steps: query.steps.map(({ event, filters, label }) => ({
      event,
      filters: filters ?? [],
      label: label ?? event ?? "Any event",
    })),
    exclusions,
    filters: query.filters ?? [],
    order: query.order ?? "ordered",
    windowMs: (query.window_seconds ?? windowSecondsDefault) * 1000,
    fromMs: range.fromMs,
    endMs: range.endMs,
    breakdown,
    trend:
      query.view === "trend"
        ? { fromStep, buckets: readBuckets(calendar, queryLimits.bucketsMax) }
        : undefined,
    histogram: query.view === "time_to_convert" ? { binsMax: query.bins ?? binsDefault } : undefined,
    cohortsUsed: [...cohortsUsed, ...cohortsOf(breakdown)],
    explain: query.explain === true,
  };
}

function belowSteps(query: Query): string {
  return `must be below ${query.steps.length}, the number of steps`;
}

function exclusionProblems(query: Query, exclusion: ExclusionRequest, path: string): FieldProblem[] {
  const { fromStep, toStep } = exclusion;
  if (query.steps.length < 2) return [{ path, message: "needs a funnel of two steps or more" }];
  if (toStep >= query.steps.length) return [{ path: `${path}.to_step`, message: belowSteps(query) }];
  if (fromStep >= toStep) return [{ path: `${path}.from_step`, message: "must be below `to_step`" }];
  return [];
}

function readBreakdown(given: Query["breakdown"]): FunnelBreakdownRequest | undefined {
  if (given === undefined || "cohorts" in given) return given;
  return {
    property: given.property,
    on: given.on ?? "event",
    limit: given.limit ?? breakdownLimitDefault,
  };
}

function cohortsOf(breakdown: FunnelBreakdownRequest | undefined): CohortUse[] {
  if (breakdown === undefined || !("cohorts" in breakdown)) return [];
  return breakdown.cohorts.map((id, index) => ({ id, path: `breakdown.cohorts[${index}]` }));
}

/** Where the next page begins, as text that says nothing to others. */
export function writeCursor(firstPerson: number): string {
  return Buffer.from(`p${firstPerson}`).toString("base64url");
}

function readCursor(cursor: string): number | undefined {
  const digits = /^p(\d{1,10})$/.exec(Buffer.from(cursor, "base64url").toString())?.[1];
  return digits === undefined || Number(digits) >= 2 ** 32 ? undefined : Number(digits);
}
