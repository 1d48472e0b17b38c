// Trends from request to answer: plan ▸ compile ▸ run ▸ shape.
import type { TrendsAnswerSeries } from "#schemas/query/trends.ts";
import { daysOf, sumOf } from "../../day-counts/count-days.ts";
import { mapBounded, type QueryRun } from "../../store/query-run.ts";
import type { Statement } from "../../store/run-statement.ts";
import type { Shortcuts } from "../../partials/shortcuts.ts";
import { isQuantile } from "./aggregate-sql.ts";
import { compileRows, compileSlices, compileTop, type LineSource } from "./compile.ts";
import { compileKeptLines, compileKeptTop } from "./compile-kept.ts";
import { planSeries, sourcesOf, type SeriesPlan } from "./plan.ts";
import type { Period, TrendBreakdown, TrendSeries, TrendsRequest } from "./request.ts";
import { shapeLines, shapeSeries, type Line } from "./shape.ts";

/** More values than this and a quantile is approximated: keeping all of them takes 8 bytes each. */
const exactQuantileEventsMax = 20_000_000;

export async function answerTrends(
  request: TrendsRequest,
  run: QueryRun,
  shortcuts: Shortcuts = {},
): Promise<{ series: TrendsAnswerSeries[] }> {
  const tops = await mapBounded(request.series, (series) => topValues(run, request, series, shortcuts));
  const work = request.periods.flatMap((period) =>
    request.series.map((series, index) => ({ period, series, index })),
  );
  const lines = await mapBounded(work, async ({ period, series, index }) => {
    const top = tops[index];
    // Without a single value there is nothing to count; the period before is compared by the same values.
    if (top?.length === 0) return [];
    return linesOf(run, request, series, period, top, shortcuts);
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
  shortcuts: Shortcuts,
): Promise<readonly (string | null)[] | undefined> {
  const { breakdown } = request;
  const period = request.periods[0];
  if (breakdown === undefined || period === undefined) return undefined;
  if ("cohorts" in breakdown) return breakdown.cohorts;
  const plan = planSeries(request, series, period, shortcuts);
  if (plan.kind === "slices") throw new Error("trends: rollups hold no values of properties");
  const options = { period, people: run.people, source: breakdown, limit: breakdown.limit };
  const statement =
    plan.kind === "kept"
      ? compileKeptTop({ ...options, ...plan })
      : compileTop({
          ...options,
          series,
          exact: await quantileIsExact(run, series, period),
          table: plan.table,
        });
  const rows = await run.rows(
    { step: `values of ${series.label}`, sources: sourcesOf(plan), plan },
    statement,
  );
  return rows.map((row) => row[0] as string | null);
}

async function linesOf(
  run: QueryRun,
  request: TrendsRequest,
  series: TrendSeries,
  period: Period,
  top: readonly (string | null)[] | undefined,
  shortcuts: Shortcuts,
): Promise<Line[]> {
  const plan = planSeries(request, series, period, shortcuts);
  const rows = await run.rows(
    { step: series.label, sources: sourcesOf(plan), plan },
    await compileLines(run, request, series, { period, top, plan }),
  );
  return shapeLines(rows, series, period, top);
}

async function compileLines(
  run: QueryRun,
  { breakdown }: TrendsRequest,
  series: TrendSeries,
  { period, top, plan }: { period: Period; top: readonly (string | null)[] | undefined; plan: SeriesPlan },
): Promise<Statement> {
  const { people } = run;
  if (plan.kind === "slices") return compileSlices(series, period, people, plan.slices);
  const lines = breakdown === undefined || top === undefined ? undefined : lineSource(breakdown, top);
  if (plan.kind === "kept") {
    const values = lines !== undefined && "values" in lines ? { breakdown: lines } : {};
    return compileKeptLines({ ...plan, period, people, ...values });
  }
  const exact = await quantileIsExact(run, series, period);
  return compileRows({
    series,
    period,
    people,
    exact,
    table: plan.table,
    ...(lines === undefined ? {} : { breakdown: lines }),
  });
}

function lineSource(breakdown: TrendBreakdown, top: readonly (string | null)[]): LineSource {
  return "cohorts" in breakdown ? breakdown : { values: breakdown, top };
}

/** Looks at how many events there are before all their values are asked into memory. */
async function quantileIsExact(run: QueryRun, series: TrendSeries, period: Period): Promise<boolean> {
  if (!isQuantile(series.math)) return true;
  const counts = await run.dayCounts({ events: [series.event], ...daysOf(period) });
  const exact = sumOf(counts) <= exactQuantileEventsMax;
  if (!exact) run.notes.add(`${series.math} of ${series.label} is approximated (t-digest)`);
  return exact;
}
