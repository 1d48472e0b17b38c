// Funnels from request to answer: plan ▸ read ▸ kernel ▸ shape.
import type { FunnelAnswer, FunnelBreakdown } from "#schemas/query/funnel.ts";
import { breakdownNone, breakdownOther } from "#schemas/query/trends.ts";
import { dayMs, daysOf } from "../../day-counts/count-days.ts";
import type { QueryRun } from "../../store/query-run.ts";
import type { StepColumns } from "../../step-columns/step-columns.ts";
import type { TaskPool } from "../../task-pool.ts";
import { compileValueNames, noneValue } from "./compile.ts";
import { buildHistogram } from "./histogram.ts";
import type { FunnelOutcome } from "./kernel/funnel-rows.ts";
import { beginnersOf, type FunnelPlan } from "./plan.ts";
import type { FunnelRequest } from "./request.ts";
import { runKernel, runResident, type KernelOptions } from "./run-kernel.ts";
import { seconds, shapeSteps, shapeTrend } from "./shape.ts";
import { conversionsMs, countValues, summarize, summarizeGroups } from "./summary.ts";
import { timesOf, type StepSummary } from "./summarize-step.ts";

/** Values beyond the limit that are named to put ties in order; more of them are taken in any order. */
const tiesNamedMax = 2_000;

/** Names of values are looked for on one day first in ranges of so many. */
const daysToLookThroughMin = 8;

type Answer = Omit<FunnelAnswer, "meta" | "explain">;

export async function answerFunnel(
  request: FunnelRequest,
  run: QueryRun,
  pool: TaskPool,
  options: Pick<KernelOptions, "groups" | "columns"> = {},
): Promise<Answer> {
  const { plan, outcomes } = await runKernel(request, run, pool, { ...options, areAdded: areAdded(request) });
  const { steps, ...views } = await shapeOutcomes(request, outcomes, pool);
  return {
    steps,
    ...(request.breakdown === undefined
      ? {}
      : { breakdowns: await breakDown(request, request.breakdown, run, plan, outcomes) }),
    ...views,
  };
}

/** The exact answer when all it needs is in memory; else undefined. */
export async function answerResident(
  request: FunnelRequest,
  run: QueryRun,
  pool: TaskPool,
  columns: StepColumns,
): Promise<Answer | undefined> {
  const outcomes = await runResident(request, run, pool, columns, areAdded(request));
  return outcomes === undefined ? undefined : shapeOutcomes(request, outcomes, pool);
}

/** Only a histogram looks at the whole times of persons. */
function areAdded({ histogram }: FunnelRequest): boolean {
  return histogram === undefined;
}

async function shapeOutcomes(
  request: FunnelRequest,
  outcomes: readonly FunnelOutcome[],
  pool: TaskPool,
): Promise<Answer> {
  const steps = request.steps.length;
  return {
    steps: shapeSteps(request.steps, await summarize(outcomes, steps, pool)),
    ...(request.trend === undefined ? {} : { trend: shapeTrend(request.trend.buckets, outcomes) }),
    ...(request.histogram === undefined ? {} : timesToConvert(outcomes, steps, request.histogram.binsMax)),
  };
}

async function breakDown(
  request: FunnelRequest,
  breakdown: NonNullable<FunnelRequest["breakdown"]>,
  run: QueryRun,
  plan: FunnelPlan,
  outcomes: readonly FunnelOutcome[],
): Promise<FunnelBreakdown[]> {
  const steps = request.steps.length;
  const shape = (value: string, summaries: readonly StepSummary[]): FunnelBreakdown => ({
    value,
    steps: shapeSteps(request.steps, summaries),
  });
  if ("cohorts" in breakdown) {
    return breakdown.cohorts.map((id, bit) => {
      const isMember = (value: number): number | undefined => ((value & (1 << bit)) === 0 ? undefined : 0);
      return shape(id, summarizeGroups(outcomes, steps, 1, isMember)[0] as StepSummary[]);
    });
  }
  const { top, hasMore } = await rankValues(request, breakdown.limit, run, plan, countValues(outcomes));
  const groups = new Map(top.map(({ number }, index) => [number, index]));
  const names = [...top.map(({ text }) => text), ...(hasMore ? [breakdownOther] : [])];
  const summaries = summarizeGroups(
    outcomes,
    steps,
    names.length,
    (value) => groups.get(value) ?? top.length,
  );
  return names.map((name, index) => shape(name, summaries[index] as StepSummary[]));
}

/** The values of most people, in order; ties by value, the missing one last. */
async function rankValues(
  request: FunnelRequest,
  limit: number,
  run: QueryRun,
  plan: FunnelPlan,
  counts: ReadonlyMap<number, number>,
): Promise<{ top: { number: number; text: string }[]; hasMore: boolean }> {
  const ranked = [...counts].sort((left, right) => right[1] - left[1] || left[0] - right[0]);
  // Those that tie with the last one that is shown have to be named before they can be put in order.
  const least = ranked[limit - 1]?.[1] ?? 0;
  const wanted = ranked.filter(([, count]) => count >= least).slice(0, limit + tiesNamedMax);
  const numbers = wanted.map(([number]) => number).filter((number) => number !== noneValue);
  const names = await valueNames(request, run, plan, numbers);
  const top = wanted
    .map(([number, count]) => ({ number, count, text: names.get(number) ?? breakdownNone }))
    .sort(
      (left, right) =>
        right.count - left.count ||
        Number(left.number === noneValue) - Number(right.number === noneValue) ||
        (left.text < right.text ? -1 : 1),
    )
    .slice(0, limit);
  return { top, hasMore: counts.size > top.length };
}

async function valueNames(
  request: FunnelRequest,
  run: QueryRun,
  plan: FunnelPlan,
  numbers: readonly number[],
): Promise<Map<number, string>> {
  const names = new Map<number, string>();
  const read = async (range: { fromMs: number; endMs: number }): Promise<void> => {
    const missing = numbers.filter((number) => !names.has(number));
    if (missing.length === 0) return;
    const rows = await run.rows(
      { step: "values of the breakdown", sources: [plan.table] },
      compileValueNames(request, { people: run.people, plan, numbers: missing, range }),
    );
    for (const [number, text] of rows) names.set(Number(number), String(text));
  };
  // What is common on the whole is there on one day, too.
  const day = await busiestDay(request, run);
  if (day !== undefined) await read(day);
  await read(request);
  return names;
}

/** Undefined where all of the range is hardly more than that. */
async function busiestDay(
  request: FunnelRequest,
  run: QueryRun,
): Promise<{ fromMs: number; endMs: number } | undefined> {
  const days = daysOf(request);
  if (days.endDay - days.fromDay < daysToLookThroughMin) return undefined;
  const counts = await run.dayCounts({ events: beginnersOf(request) ?? [null], ...days });
  let [busiest, most] = [days.fromDay, 0];
  for (const ofName of counts.values()) {
    for (const [day, count] of ofName) if (count > most) [busiest, most] = [day, count];
  }
  const fromMs = Math.max(busiest * dayMs, request.fromMs);
  return { fromMs, endMs: Math.min((busiest + 1) * dayMs, request.endMs) };
}

function timesToConvert(
  outcomes: readonly FunnelOutcome[],
  steps: number,
  binsMax: number,
): Pick<FunnelAnswer, "histogram" | "conversion"> {
  const durations = conversionsMs(outcomes, steps);
  const histogram = buildHistogram(durations, binsMax);
  const { avgMs, medianMs } = timesOf(durations);
  return {
    histogram,
    conversion: {
      count: durations.length,
      avg_seconds: seconds(avgMs),
      median_seconds: seconds(medianMs),
    },
  };
}
