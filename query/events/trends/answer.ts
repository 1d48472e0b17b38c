// Trends from request to answer: plan ▸ compile ▸ run ▸ shape.
import type { TrendsAnswerSeries } from "#schemas/query/trends.ts";
import { Parameters } from "../../sql/parameters.ts";
import { fromTable } from "../../sql/scope.ts";
import { mapBounded, type QueryRun } from "../../store/query-run.ts";
import { rangeSql } from "../bucket-sql.ts";
import type { RollupTable } from "../plan-slices.ts";
import { isQuantile } from "./aggregate-sql.ts";
import { compileRows, compileSlices, compileTop, type LineSource } from "./compile.ts";
import { planSeries, sourcesOf } from "./plan.ts";
import type { Period, TrendBreakdown, TrendSeries, TrendsRequest } from "./request.ts";
import { shapeLines, shapeSeries, type Line } from "./shape.ts";

/** More values than this and a quantile is approximated: keeping all of them takes 8 bytes each. */
const exactQuantileEventsMax = 20_000_000;

/** `rollups`: tables that may be used instead of rows; all when absent. Tests compare. */
export async function answerTrends(
  request: TrendsRequest,
  run: QueryRun,
  rollups?: readonly RollupTable[],
): Promise<{ series: TrendsAnswerSeries[] }> {
  const tops = await mapBounded(request.series, (series) => topValues(run, request, series));
  const work = request.periods.flatMap((period) =>
    request.series.map((series, index) => ({ period, series, index })),
  );
  const lines = await mapBounded(work, async ({ period, series, index }) => {
    const top = tops[index];
    // Without a single value there is nothing to count; the period before is compared by the same values.
    if (top?.length === 0) return [];
    return linesOf(run, request, series, period, top, rollups);
  });
  const periods = request.periods.map((period, at) => ({
    period,
    lines: lines.slice(at * request.series.length, (at + 1) * request.series.length),
  }));
  return { series: shapeSeries(request, periods) };
}

async function topValues(
  run: QueryRun,
  request: TrendsRequest,
  series: TrendSeries,
): Promise<readonly (string | null)[] | undefined> {
  const { breakdown } = request;
  const period = request.periods[0];
  if (breakdown === undefined || period === undefined) return undefined;
  if ("cohorts" in breakdown) return breakdown.cohorts;
  const exact = await quantileIsExact(run, series, period);
  const plan = planSeries(request, series, period);
  if (plan.kind !== "rows") throw new Error("trends: a breakdown is answered from rows");
  const rows = await run.rows(
    { step: `values of ${series.label}`, sources: sourcesOf(plan), plan },
    compileTop({
      series,
      period,
      people: run.people,
      exact,
      table: plan.table,
      source: breakdown,
      limit: breakdown.limit,
    }),
  );
  return rows.map((row) => row[0] as string | null);
}

async function linesOf(
  run: QueryRun,
  request: TrendsRequest,
  series: TrendSeries,
  period: Period,
  top: readonly (string | null)[] | undefined,
  rollups: readonly RollupTable[] | undefined,
): Promise<Line[]> {
  const plan = planSeries(request, series, period, rollups);
  const { breakdown } = request;
  const statement =
    plan.kind === "slices"
      ? compileSlices(series, period, run.people, plan.slices)
      : compileRows({
          series,
          period,
          people: run.people,
          exact: await quantileIsExact(run, series, period),
          table: plan.table,
          ...(breakdown !== undefined && top !== undefined ? { breakdown: lineSource(breakdown, top) } : {}),
        });
  const rows = await run.rows({ step: series.label, sources: sourcesOf(plan), plan }, statement);
  return shapeLines(rows, series, period, top);
}

function lineSource(breakdown: TrendBreakdown, top: readonly (string | null)[]): LineSource {
  return "cohorts" in breakdown ? breakdown : { values: breakdown, top };
}

/** Looks at how many events there are before all their values are asked into memory. */
async function quantileIsExact(run: QueryRun, series: TrendSeries, period: Period): Promise<boolean> {
  if (!isQuantile(series.math)) return true;
  const dayMs = 86_400_000;
  const days = {
    fromMs: Math.floor(period.fromMs / dayMs) * dayMs,
    endMs: Math.ceil(period.endMs / dayMs) * dayMs,
  };
  const parameters = new Parameters();
  const conditions = [rangeSql("rollup_day", days, parameters)];
  if (series.event !== null) conditions.push(`event = ${parameters.bind("String", series.event)}`);
  const rows = await run.rows(
    { step: `how many values ${series.label} has`, sources: [] },
    { sql: `SELECT sum(events) ${fromTable("rollup_day", conditions)}`, parameters: parameters.values },
  );
  const exact = Number(rows[0]?.[0] ?? 0) <= exactQuantileEventsMax;
  if (!exact) run.notes.add(`${series.math} of ${series.label} is approximated (t-digest)`);
  return exact;
}
