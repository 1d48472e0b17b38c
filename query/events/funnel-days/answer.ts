// Funnels from days that are kept: valid days are taken as they are, the rest of the range and people whose ids were
// joined since come from rows. The answer is that of the rows alone.
import type { FunnelAnswer } from "#schemas/query/funnel.ts";
import type { QueryContext } from "../../query-context.ts";
import type { QueryRun } from "../../store/query-run.ts";
import type { FunnelRequest } from "../funnel/request.ts";
import { fitsColumns } from "../funnel/columns/run-columns.ts";
import { seconds, shapeSteps } from "../funnel/shape.ts";
import type { Attempts } from "./attempts.ts";
import { readChangedPersons, readStoredVersion, type ChangedPersons } from "./changed-persons.ts";
import type { Combined, CombinePart, CombineTask } from "./combine.ts";
import { readRollupCounts, type DayCounts } from "./data-versions.ts";
import { defineFunnel } from "./definition.ts";
import { DayMemory, readKeptDays } from "./kept-days.ts";
import { planDays, type DaysPlan, type Stretch } from "./plan-days.ts";
import { readAttempts } from "./read-attempts.ts";
import { readStretch } from "./read-stretch.ts";

const taskFile = new URL("./combine.ts", import.meta.url).href;

const bucketsInColumnsMax = 8;

/** What was read, by store: a process has one, tests have several. */
const memories = new WeakMap<object, DayMemory>();

/** What computes the parts of the range that are not kept. */
type Sources = Pick<QueryContext, "pool"> & Partial<Pick<QueryContext, "stepColumns">>;

type Answer = Omit<FunnelAnswer, "meta" | "explain">;

/** Undefined when no insight has asked to keep this funnel, or rows are no slower. */
export async function answerFromDays(
  request: FunnelRequest,
  run: QueryRun,
  context: Pick<QueryContext, "postgres" | "pool" | "stepColumns">,
): Promise<Answer | undefined> {
  const definition = defineFunnel(request);
  if (definition === undefined) return undefined;
  const { rows } = await context.postgres.query<{ id: number }>(
    "SELECT id FROM funnel_definitions WHERE project_id = $1 AND hash = $2 ORDER BY id",
    [run.projectId, definition.hash],
  );
  return answerFromKept(
    request,
    run,
    context,
    rows.map(({ id }) => id),
  );
}

/** The same, of definitions that are this funnel's and differ in their zones. */
export async function answerFromKept(
  request: FunnelRequest,
  run: QueryRun,
  sources: Sources,
  definitionIds: readonly number[],
): Promise<Answer | undefined> {
  if (definitionIds.length === 0) return undefined;
  const { fromMs, endMs, windowMs } = request;
  const [counts, personsVersion, ...kept] = await Promise.all([
    readRollupCounts(run, request, { fromMs, endMs: endMs + windowMs }),
    readStoredVersion(run),
    ...definitionIds.map((id) => readKeptDays(run, id, request)),
  ]);
  const boundsMs = request.trend?.buckets.startsMs ?? [];
  const plans = kept
    .map((days, index) => ({
      definitionId: definitionIds[index] as number,
      plan: planDays({ fromMs, endMs, windowMs, boundsMs }, days, counts),
    }))
    .filter((each): each is { definitionId: number; plan: DaysPlan } => each.plan !== undefined)
    .sort((left, right) => right.plan.days.length - left.plan.days.length);
  const [best] = plans;
  return best === undefined
    ? undefined
    : await answerPlan(request, run, sources, { ...best, counts, personsVersion });
}

async function answerPlan(
  request: FunnelRequest,
  run: QueryRun,
  sources: Sources,
  planned: {
    readonly definitionId: number;
    readonly plan: DaysPlan;
    readonly counts: DayCounts;
    readonly personsVersion: number;
  },
): Promise<Answer | undefined> {
  const { definitionId, plan, counts } = planned;
  const steps = request.steps.length;
  // Columns in memory answer one stretch as one bucket; with many, they answer the whole range as fast.
  const buckets = plan.stretches.reduce((all, { startsMs }) => all + startsMs.length, 0);
  if (buckets > bucketsInColumnsMax && sources.stepColumns !== undefined && fitsColumns(request))
    return undefined;
  const madeAt = Math.min(...plan.days.map((day) => day.personsVersion));
  const changed = planned.personsVersion > madeAt ? await readChangedPersons(run, madeAt) : nobody;
  if (changed === undefined) return undefined;
  const rowsOf = (stretch: Stretch): number =>
    counts.between(stretch.startsMs[0] as number, stretch.endMs + request.windowMs);
  const whole = cutAll(request);
  const [days, stretches, fresh] = await Promise.all([
    memoryOf(run).read(run, definitionId, steps, plan.days),
    Promise.all(
      plan.stretches.map((stretch) =>
        readStretch(request, run, sources, { ...stretch, rowsExpected: rowsOf(stretch) }),
      ),
    ),
    changed.users.length === 0
      ? []
      : readAttempts(request, run, sources.pool, { ...whole, rowsExpected: 0, users: changed.users }),
  ]);
  const parts: (CombinePart & { startMs: number })[] = [];
  const add = (startMs: number, attempts: Attempts, isFresh: boolean): void => {
    parts.push({ startMs, attempts, bucket: bucketOf(request, startMs), fresh: isFresh });
  };
  plan.days.forEach((day, index) => add(day.startMs, days[index] as Attempts, false));
  plan.stretches.forEach(({ startsMs }, index) =>
    startsMs.forEach((startMs, bucket) => add(startMs, stretches[index]?.[bucket] as Attempts, false)),
  );
  fresh.forEach((attempts, bucket) => add(whole.startsMs[bucket] as number, attempts, true));
  parts.sort((left, right) => left.startMs - right.startMs);
  const task: CombineTask = {
    steps,
    parts,
    changed: changed.persons,
    trend:
      request.trend === undefined
        ? undefined
        : { fromStep: request.trend.fromStep, buckets: request.trend.buckets.startsMs.length },
    histogram: request.histogram,
  };
  const combined = (await sources.pool.run(task, { filename: taskFile, name: "combine" })) as Combined;
  return shape(request, combined);
}

const nobody: ChangedPersons = { persons: new Uint32Array(0), users: [] };

/** All of the range, cut only where a bucket of the trend begins. */
function cutAll({ fromMs, endMs, trend }: FunnelRequest): Stretch {
  const bounds = trend?.buckets.startsMs.filter((start) => start > fromMs && start < endMs) ?? [];
  return { startsMs: [fromMs, ...bounds], endMs };
}

function bucketOf({ trend }: FunnelRequest, startMs: number): number {
  if (trend === undefined) return 0;
  // The first bucket may begin before the range.
  const next = trend.buckets.startsMs.findIndex((start) => start > startMs);
  return (next === -1 ? trend.buckets.startsMs.length : next) - 1;
}

function memoryOf(run: QueryRun): DayMemory {
  const { clickhouse } = run.store;
  const memory = memories.get(clickhouse) ?? new DayMemory();
  memories.set(clickhouse, memory);
  return memory;
}

function shape(request: FunnelRequest, { summaries, trend, histogram }: Combined): Answer {
  return {
    steps: shapeSteps(request.steps, summaries),
    ...(request.trend === undefined || trend === undefined
      ? {}
      : {
          trend: request.trend.buckets.startsMs.map((startMs, bucket) => ({
            bucket: new Date(startMs).toISOString(),
            entered: trend.entered[bucket] as number,
            converted: trend.converted[bucket] as number,
          })),
        }),
    ...(histogram === undefined
      ? {}
      : {
          histogram: histogram.bins,
          conversion: {
            count: histogram.count,
            avg_seconds: seconds(histogram.avgMs),
            median_seconds: seconds(histogram.medianMs),
          },
        }),
  };
}
