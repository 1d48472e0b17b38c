// Reads sets of people from the store and counts over them: in this thread when there is little to do, else in the
// pool's, a part each. The bytes are read into memory that the threads share.
import { MillraceError } from "#schemas/errors.ts";
import type { Statement } from "../store/run-statement.ts";
import type { QueryRun, StatementPlan } from "../store/query-run.ts";
import type { TaskPool } from "../task-pool.ts";
import { countOverlaps, countTimes, type Overlaps, type OverlapsTask, type TimesTask } from "./count-sets.ts";

/** Sets of one statement; 1 billion events of 20 million people have 400 MB of them for 90 days. */
const setBytesMax = 1024 ** 3;
/** Below this a thread would take longer to be told than to count. */
const inlineBytesMax = 256 * 1024;
/** Parts of one count: as many as threads can work on, the rest would wait. */
const parts = 2;

const taskFile = new URL("./count-sets.ts", import.meta.url).href;

/** The answer's rows, whose columns are whole numbers (Int32) and one set, in RowBinary. */
export async function readSetRows(
  run: QueryRun,
  plan: StatementPlan,
  statement: Statement,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  await run.bytes(plan, statement, (bytes) => {
    length += bytes.length;
    if (length > setBytesMax) {
      throw new MillraceError("QUERY_TOO_EXPENSIVE", {
        message: "The sets of people of this query are too large; narrow its range.",
        details: [{ budget: "memory" }],
      });
    }
    chunks.push(bytes);
  });
  const whole = new Uint8Array(
    length > inlineBytesMax ? new SharedArrayBuffer(length) : new ArrayBuffer(length),
  );
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

/** `pool` absent: always in this thread. */
export async function overlapsOf(
  task: Omit<OverlapsTask, "part">,
  pool: TaskPool | undefined,
): Promise<Overlaps> {
  const bytes = task.members.length + (task.others?.length ?? 0);
  const [first, ...rest] = (await inParts(countOverlaps, task, bytes, pool)) as [Overlaps, ...Overlaps[]];
  for (const part of rest) {
    addUp(first.sizes, part.sizes);
    addUp(first.shared, part.shared);
  }
  return first;
}

export async function timesOf(
  task: Omit<TimesTask, "part">,
  pool: TaskPool | undefined,
): Promise<Uint32Array> {
  const [first, ...rest] = (await inParts(countTimes, task, task.sets.length, pool)) as [
    Uint32Array,
    ...Uint32Array[],
  ];
  for (const part of rest) addUp(first, part);
  return first;
}

async function inParts<Task extends { part: unknown }, Result>(
  count: (task: Task) => Result,
  task: Omit<Task, "part">,
  bytes: number,
  pool: TaskPool | undefined,
): Promise<Result[]> {
  if (pool === undefined || bytes <= inlineBytesMax) {
    return [count({ ...task, part: { index: 0, of: 1 } } as unknown as Task)];
  }
  return Promise.all(
    Array.from(
      { length: parts },
      (_, index) =>
        pool.run(
          { ...task, part: { index, of: parts } },
          { filename: taskFile, name: count.name },
        ) as Promise<Result>,
    ),
  );
}

function addUp(sums: Uint32Array, values: Uint32Array): void {
  for (let index = 0; index < sums.length; index += 1) {
    sums[index] = (sums[index] as number) + (values[index] as number);
  }
}
