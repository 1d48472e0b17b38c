// Trends from request to answer: plan ▸ compile ▸ run ▸ shape.
import type { TrendsAnswerSeries } from "#schemas/query/trends.ts";
import { runStatement, type Statement, type Store } from "../../store/run-statement.ts";
import { Parameters } from "../../sql/parameters.ts";
import { fromTable } from "../../sql/scope.ts";
import { explainStatement } from "../../store/explain-statement.ts";
import { rangeSql } from "../bucket-sql.ts";
import type { RollupTable } from "../plan-slices.ts";
import { isQuantile } from "./aggregate-sql.ts";
import { compileRaw, compileSlices, compileTop } from "./compile.ts";
import { planSeries, sourcesOf, type SeriesPlan } from "./plan.ts";
import type { Period, TrendSeries, TrendsRequest } from "./request.ts";
import { shapeLines, shapeSeries, type Line } from "./shape.ts";

export interface TrendsContext {
  readonly store: Store;
  readonly projectId: number;
  readonly signal: AbortSignal;
  /** Tables that may be used instead of raw events; all when absent. Tests compare. */
  readonly rollups?: readonly RollupTable[];
}

export interface TrendsResult {
  readonly series: TrendsAnswerSeries[];
  readonly sources: readonly string[];
  readonly rowsRead: number;
  readonly exact: boolean;
  readonly explain?: unknown;
}

/** Statements of one query that run at once. */
const statementsAtOnceMax = 4;

/** More values than this and a quantile is approximated: keeping all of them takes 8 bytes each. */
const exactQuantileEventsMax = 20_000_000;

export async function answerTrends(request: TrendsRequest, context: TrendsContext): Promise<TrendsResult> {
  const run = new Run(context);
  const tops = await mapBounded(request.series, (series) => topValues(run, request, series));
  const work = request.periods.flatMap((period) =>
    request.series.map((series, index) => ({ period, series, index })),
  );
  const lines = await mapBounded(work, async ({ period, series, index }) => {
    const top = tops[index];
    // Without a single value there is nothing to count; the period before is compared by the same values.
    if (top?.length === 0) return [];
    return linesOf(run, request, series, period, top);
  });
  const periods = request.periods.map((period, at) => ({
    period,
    lines: lines.slice(at * request.series.length, (at + 1) * request.series.length),
  }));
  return {
    series: shapeSeries(request, periods),
    sources: [...run.sources].sort(),
    rowsRead: run.rowsRead,
    exact: run.exact,
    ...(request.explain ? { explain: await run.explain() } : {}),
  };
}

/** What the statements of one query have in common. */
class Run {
  readonly context: TrendsContext;
  readonly sources = new Set<string>();
  rowsRead = 0;
  exact = true;
  readonly #statements: { plan: SeriesPlan; label: string; statement: Statement }[] = [];

  constructor(context: TrendsContext) {
    this.context = context;
  }

  async rows(
    label: string,
    plan: SeriesPlan,
    statement: Statement,
  ): Promise<readonly (readonly unknown[])[]> {
    const { rows, rowsRead } = await runStatement(this.context.store, statement, this.context);
    for (const source of sourcesOf(plan)) this.sources.add(source);
    this.rowsRead += rowsRead;
    this.#statements.push({ plan, label, statement });
    return rows;
  }

  explain(): Promise<unknown[]> {
    return Promise.all(
      this.#statements.map(async ({ label, plan, statement }) => ({
        series: label,
        plan,
        sql: statement.sql,
        parameters: statement.parameters,
        store: await explainStatement(this.context.store, statement, this.context),
      })),
    );
  }
}

async function topValues(
  run: Run,
  request: TrendsRequest,
  series: TrendSeries,
): Promise<readonly (string | null)[] | undefined> {
  const { breakdown } = request;
  const period = request.periods[0];
  if (breakdown === undefined || period === undefined) return undefined;
  const exact = await quantileIsExact(run, series, period);
  const rows = await run.rows(
    series.label,
    { kind: "raw" },
    compileTop({ series, period, exact, breakdown }),
  );
  return rows.map((row) => row[0] as string | null);
}

async function linesOf(
  run: Run,
  request: TrendsRequest,
  series: TrendSeries,
  period: Period,
  top: readonly (string | null)[] | undefined,
): Promise<Line[]> {
  const plan = planSeries(request, series, period, run.context.rollups);
  const statement =
    plan.kind === "slices"
      ? compileSlices(series, period, plan.slices)
      : compileRaw({
          series,
          period,
          exact: await quantileIsExact(run, series, period),
          ...(request.breakdown !== undefined && top !== undefined
            ? { breakdown: { property: request.breakdown.property, top } }
            : {}),
        });
  return shapeLines(await run.rows(series.label, plan, statement), series, period, top);
}

/** Looks at how many events there are before all their values are asked into memory. */
async function quantileIsExact(run: Run, series: TrendSeries, period: Period): Promise<boolean> {
  if (!isQuantile(series.math)) return true;
  const dayMs = 86_400_000;
  const days = {
    fromMs: Math.floor(period.fromMs / dayMs) * dayMs,
    endMs: Math.ceil(period.endMs / dayMs) * dayMs,
  };
  const parameters = new Parameters();
  const conditions = [rangeSql("rollup_day", days, parameters)];
  if (series.event !== null) conditions.push(`event = ${parameters.bind("String", series.event)}`);
  const statement = {
    sql: `SELECT sum(events) ${fromTable("rollup_day", conditions)}`,
    parameters: parameters.values,
  };
  const { rows, rowsRead } = await runStatement(run.context.store, statement, run.context);
  run.rowsRead += rowsRead;
  const exact = Number(rows[0]?.[0] ?? 0) <= exactQuantileEventsMax;
  if (!exact) run.exact = false;
  return exact;
}

/** Maps with at most `statementsAtOnceMax` under way; stops at the first failure. */
async function mapBounded<T, R>(items: readonly T[], map: (item: T) => Promise<R>): Promise<R[]> {
  const results = new Array<R>(items.length);
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let index = next++; index < items.length; index = next++) {
      results[index] = await map(items[index] as T);
    }
  };
  try {
    await Promise.all(Array.from({ length: statementsAtOnceMax }, lane));
  } finally {
    next = items.length;
  }
  return results;
}
