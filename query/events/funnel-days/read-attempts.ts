// Best attempts by bucket, from rows: group by group of people, read here, decided in a thread of the pool.
import { Gate } from "../../gate.ts";
import type { QueryRun } from "../../store/query-run.ts";
import { readColumns } from "../../store/read-columns.ts";
import type { TaskPool } from "../../task-pool.ts";
import { compileRows, rowsColumns } from "../funnel/compile.ts";
import type { FunnelRows } from "../funnel/kernel/funnel-rows.ts";
import { groupRowsMax, planFunnel } from "../funnel/plan.ts";
import type { FunnelRequest } from "../funnel/request.ts";
import { bucketsOf, joinBucket, type Attempts } from "./attempts.ts";
import type { TallyBucketsTask } from "./tally-buckets.ts";

/** Groups of rows that all queries of the process hold at once; each may hold 16 M rows. */
const groupsAtOnceMax = 2;
const groupsAtOnce = new Gate(groupsAtOnceMax);

const taskFile = new URL("./tally-buckets.ts", import.meta.url).href;

/** One entry a bucket; attempts begin in [startsMs[i], startsMs[i + 1]), the last before `endMs`. */
export async function readAttempts(
  request: FunnelRequest,
  run: QueryRun,
  pool: TaskPool,
  buckets: {
    readonly startsMs: readonly number[];
    readonly endMs: number;
    /** How many rows there are at most. */
    readonly rowsExpected: number;
    /** Only rows of these user numbers. */
    readonly users?: readonly number[];
  },
): Promise<Attempts[]> {
  const { startsMs, endMs, rowsExpected, users } = buckets;
  const ranged: FunnelRequest = {
    ...request,
    fromMs: startsMs[0] as number,
    endMs,
    breakdown: undefined,
    trend: undefined,
    histogram: undefined,
  };
  const plan = planFunnel(ranged, rowsExpected);
  const rules = {
    steps: request.steps.length,
    order: request.order,
    windowMs: request.windowMs,
    fromMs: ranged.fromMs,
    endMs,
    exclusions: request.exclusions.map(({ fromStep, toStep }) => ({ fromStep, toStep })),
  };
  const readGroup = async (group: number): Promise<Attempts[]> => {
    const statement = compileRows(ranged, {
      people: run.people,
      plan,
      group,
      ...(users === undefined ? {} : { users }),
    });
    const { columns, rows } = await readColumns(run.store, statement, {
      projectId: run.projectId,
      signal: run.signal,
      columns: rowsColumns(ranged),
      rowsExpected: plan.rowsExpected,
      rowsMax: groupRowsMax,
    });
    run.record({ step: "events of days that are not kept", sources: [plan.table], plan }, statement, rows);
    const [persons, timesMs, masks] = columns as unknown as [Uint32Array, Float64Array, Uint32Array];
    const task: TallyBucketsTask = {
      rules,
      rows: { persons, timesMs, masks } satisfies FunnelRows,
      startsMs,
    };
    const tallied = (await pool.run(task, {
      filename: taskFile,
      name: "tallyBuckets",
      transferList: columns.map((column) => column.buffer),
    })) as Attempts;
    return bucketsOf(tallied);
  };
  const groups = await Promise.all(
    Array.from({ length: plan.groups }, (_, group) => groupsAtOnce.run(() => readGroup(group))),
  );
  return startsMs.map((_, bucket) => joinBucket(groups.map((group) => group[bucket] as Attempts)));
}
