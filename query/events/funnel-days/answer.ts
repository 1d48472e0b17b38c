// Funnels from days that are kept: valid days are taken as they are, the rest of the range and people whose ids were
// joined since come from rows. The answer is that of the rows alone.
import type { FunnelAnswer } from "#schemas/query/funnel.ts";
import type { QueryContext } from "../../query-context.ts";
import type { QueryRun } from "../../store/query-run.ts";
import type { FunnelRequest } from "../funnel/request.ts";
import type { StepSummary } from "../funnel/summarize-step.ts";
import { rowsRange } from "../funnel/plan.ts";
import { fitsColumns } from "../funnel/columns/run-columns.ts";
import { seconds, shapeSteps } from "../funnel/shape.ts";
import { addParts, type AddedPart, type AddTask } from "./add-parts.ts";
import type { Attempts } from "./attempts.ts";
import { readChangedPersons, readStoredVersion, type ChangedPersons } from "./changed-persons.ts";
import { combine, type Combined, type CombinePart, type CombineTask } from "./combine.ts";
import { readRollupCounts, type DayCounts } from "./data-versions.ts";
import { defineFunnel } from "./definition.ts";
import { DayGone, readAttemptsOfDays, readKeptDays } from "./kept-days.ts";
import { Memory } from "./memory.ts";
import { planDays, type DaysPlan, type Stretch } from "./plan-days.ts";
import { readAttempts } from "./read-attempts.ts";
import { isWorthJoining, readJoined } from "./read-joined.ts";
import { readStretch } from "./read-stretch.ts";

const combineFile = new URL("./combine.ts", import.meta.url).href;
const addFile = new URL("./add-parts.ts", import.meta.url).href;

const bucketsInColumnsMax = 8;

/** What was read, by store: a process has one, tests have several. */
const memories = new WeakMap<object, Memory>();

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
  if (best === undefined || (await areRowsQuicker(request, run, sources, best))) return undefined;
  try {
    return await answerPlan(request, run, sources, { ...best, counts, personsVersion });
  } catch (error) {
    if (error instanceof DayGone) return undefined;
    throw error;
  }
}

/**
 * All rows in memory answer in the time that a stretch of them takes: a person's are passed over from the first one on.
 * Days that are kept up to the end win once they are joined.
 */
async function areRowsQuicker(
  request: FunnelRequest,
  run: QueryRun,
  { stepColumns }: Sources,
  kept: { readonly definitionId: number; readonly plan: DaysPlan },
): Promise<boolean> {
  if (stepColumns === undefined || !isPlain(request) || !fitsColumns(request)) return false;
  const events = [...request.steps, ...request.exclusions].map(({ event }) => event);
  if (!(await stepColumns.holds(run, { events: [...new Set(events)], ...rowsRange(request) }))) return false;
  return kept.plan.stretches.length > 0 || !isWorthJoining(memoryOf(run), run, kept);
}

function isPlain({ trend, histogram }: FunnelRequest): boolean {
  return trend === undefined && histogram === undefined;
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
  const memory = memoryOf(run);
  const readDays = (): Promise<Attempts[]> => readAttemptsOfDays(run, memory, definitionId, steps, plan.days);
  const [kept, stretches, fresh] = await Promise.all([
    isPlain(request)
      ? readJoined(memory, run, sources.pool, { definitionId, steps, plan, readDays })
      : readDays(),
    Promise.all(
      plan.stretches.map((stretch) =>
        readStretch(request, run, sources, { ...stretch, rowsExpected: rowsOf(stretch) }),
      ),
    ),
    changed.users.length === 0
      ? []
      : readAttempts(request, run, sources.pool, { ...whole, rowsExpected: 0, users: changed.users }),
  ]);
  const parts = [
    ...plan.stretches.flatMap(({ startsMs }, index) =>
      startsMs.map((startMs, bucket) => part(request, startMs, stretches[index]?.[bucket], false)),
    ),
    ...fresh.map((attempts, bucket) => part(request, whole.startsMs[bucket] as number, attempts, true)),
  ];
  if (!Array.isArray(kept)) {
    const startsMs = plan.days.map(({ startMs }) => startMs);
    const task: AddTask = { steps, joined: kept, startsMs, parts: inOrder(parts), changed: changed.persons };
    const summaries = (await sources.pool.run(task, {
      filename: addFile,
      name: addParts.name,
    })) as StepSummary[];
    return { steps: shapeSteps(request.steps, summaries) };
  }
  parts.push(...plan.days.map((day, index) => part(request, day.startMs, kept[index], false)));
  const task: CombineTask = {
    steps,
    parts: inOrder(parts),
    changed: changed.persons,
    trend:
      request.trend === undefined
        ? undefined
        : { fromStep: request.trend.fromStep, buckets: request.trend.buckets.startsMs.length },
    histogram: request.histogram,
  };
  return shape(
    request,
    (await sources.pool.run(task, { filename: combineFile, name: combine.name })) as Combined,
  );
}

type Part = CombinePart & AddedPart;

function part(request: FunnelRequest, startMs: number, attempts: Attempts | undefined, fresh: boolean): Part {
  if (attempts === undefined) throw new Error("funnel days: a part of the range is missing");
  return { startMs, attempts, bucket: bucketOf(request, startMs), fresh };
}

function inOrder(parts: readonly Part[]): Part[] {
  return parts.toSorted((left, right) => left.startMs - right.startMs);
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

function memoryOf(run: QueryRun): Memory {
  const { clickhouse } = run.store;
  const memory = memories.get(clickhouse) ?? new Memory();
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
