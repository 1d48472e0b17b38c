// A funnel's rows through the kernel: group by group of people, read here, decided in a thread of the pool.
import { MillraceError } from "#schemas/errors.ts";
import { sampledTable } from "../../sampling/sampled-table.ts";
import { rateOf } from "../../people/sample.ts";
import { sumOf } from "../../day-counts/count-days.ts";
import type { QueryRun } from "../../store/query-run.ts";
import { readColumns } from "../../store/read-columns.ts";
import type { TaskPool } from "../../task-pool.ts";
import {
  daysToRead,
  groupRowsMax,
  groupRowsWanted,
  groupsAllowed,
  planFunnel,
  type FunnelPlan,
} from "./plan.ts";
import type { StepColumns } from "../../step-columns/step-columns.ts";
import { runColumns } from "./columns/run-columns.ts";
import { compileRows, rowsColumns } from "./compile.ts";
import type { FunnelOutcome, FunnelRows, FunnelRules } from "./kernel/funnel-rows.ts";
import type { FunnelRequest } from "./request.ts";
import { Gate } from "../../gate.ts";

/** Groups of one funnel that are read or decided at once; each may hold 16 M rows. */
const groupsAtOnceMax = 2;
/** The same for all funnels of the process together: their rows lie in its memory. */
const groupsOfAllMax = 4;
const groupsOfAll = new Gate(groupsOfAllMax);

const taskFile = new URL("./kernel/tally-funnel.ts", import.meta.url).href;

export interface KernelOptions {
  /** Where rows may be held in memory; absent: they are read. */
  readonly columns?: StepColumns;
  readonly list?: FunnelRules["list"];
  /** Columns then answer no persons, only the times of all of them together. */
  readonly areAdded?: boolean;
  /** Persons with this number or a higher one. */
  readonly firstPerson?: number;
  /** Instead of the plan that the number of rows suggests. Tests compare. */
  readonly groups?: number;
}

/** One outcome a group of people. */
export async function runKernel(
  request: FunnelRequest,
  run: QueryRun,
  pool: TaskPool,
  options: KernelOptions = {},
): Promise<{ plan: FunnelPlan; outcomes: FunnelOutcome[] }> {
  const rules = rulesOf(request, options.list);
  if (options.columns !== undefined && options.groups === undefined) {
    const { columns, firstPerson, areAdded = false } = options;
    const outcomes = await runColumns(request, run, pool, columns, { rules, firstPerson, areAdded });
    if (outcomes !== undefined) {
      return { plan: { table: "steps", groups: outcomes.length, rowsExpected: 0 }, outcomes };
    }
  }
  const estimated = sumOf(await run.dayCounts(daysToRead(request)));
  const { sample } = run.people;
  const rows = Math.ceil(estimated * (sample === undefined ? 1 : rateOf(sample)));
  const groupsAtMost = groupsAllowed(run.store.inBackground);
  if (rows > groupRowsWanted * groupsAtMost) throw tooManyRows(rows, groupRowsWanted * groupsAtMost);
  const suggested = planFunnel(request, rows, groupsAtMost);
  const plan = { ...suggested, groups: options.groups ?? suggested.groups };
  const outcomes: FunnelOutcome[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let group = next++; group < plan.groups; group = next++) {
      outcomes[group] = await groupsOfAll.run(async () => {
        refuseWithoutCaller(run);
        const { task, bytes } = await readGroup(request, run, plan, group, options.firstPerson);
        refuseWithoutCaller(run);
        return (await pool.run(
          { rules, rows: task },
          { filename: taskFile, name: "tallyFunnel", transferList: bytes },
        )) as FunnelOutcome;
      });
    }
  };
  try {
    await Promise.all(Array.from({ length: groupsAtOnceMax }, lane));
  } finally {
    next = plan.groups;
  }
  return { plan, outcomes };
}

/** From columns that are in memory already; undefined when they are not, or rows are needed. */
export function runResident(
  request: FunnelRequest,
  run: QueryRun,
  pool: TaskPool,
  columns: StepColumns,
  areAdded: boolean,
): Promise<FunnelOutcome[] | undefined> {
  const rules = rulesOf(request, undefined);
  return runColumns(request, run, pool, columns, { rules, residentOnly: true, areAdded });
}

function refuseWithoutCaller(run: QueryRun): void {
  if (run.signal.aborted) throw new MillraceError("SHUTTING_DOWN", { message: "the caller left" });
}

async function readGroup(
  request: FunnelRequest,
  run: QueryRun,
  plan: FunnelPlan,
  group: number,
  firstPerson: number | undefined,
): Promise<{ task: FunnelRows; bytes: ArrayBuffer[] }> {
  const statement = compileRows(request, {
    people: run.people,
    plan,
    group,
    ...(firstPerson === undefined || firstPerson === 0 ? {} : { firstPerson }),
  });
  const { columns, rows } = await readColumns(run.store, statement, {
    projectId: run.projectId,
    signal: run.signal,
    columns: rowsColumns(request),
    rowsExpected: plan.rowsExpected,
    rowsMax: groupRowsMax,
  });
  run.record(
    {
      step: `events of group ${group + 1} of ${plan.groups}`,
      sources: [sampledTable(plan.table, run.people).table],
      plan,
    },
    statement,
    rows,
  );
  const [persons, timesMs, masks, values] = columns as [
    Uint32Array<ArrayBuffer>,
    Float64Array<ArrayBuffer>,
    Uint32Array<ArrayBuffer>,
    Float64Array<ArrayBuffer> | undefined,
  ];
  const task = { persons, timesMs, masks, ...(values === undefined ? {} : { values }) };
  return { task, bytes: columns.map((column) => column.buffer) };
}

function rulesOf(request: FunnelRequest, list: FunnelRules["list"]): FunnelRules {
  const { trend } = request;
  return {
    steps: request.steps.length,
    order: request.order,
    windowMs: request.windowMs,
    fromMs: request.fromMs,
    endMs: request.endMs,
    exclusions: request.exclusions.map(({ fromStep, toStep }) => ({ fromStep, toStep })),
    ...(trend === undefined ? {} : { trend: { fromStep: trend.fromStep, startsMs: trend.buckets.startsMs } }),
    ...(list === undefined ? {} : { list }),
  };
}

function tooManyRows(rows: number, allowed: number): MillraceError {
  return new MillraceError("QUERY_TOO_EXPENSIVE", {
    message: `The range holds ${rows} events of these steps, ${allowed} are allowed; narrow it, or ask for a job.`,
    details: [{ budget: "rows" }],
  });
}
