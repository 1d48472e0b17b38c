// In a thread of the pool: reads rows from `steps` and makes a list of them and of what was held of other days.
import { randomUUID } from "node:crypto";
import type { ClickHouseSettings } from "@clickhouse/client";
import { MillraceError, type ErrorCode } from "#schemas/errors.ts";
import { createClickHouse, type ClickHouse } from "#ops/runtime/clickhouse.ts";
import { NativeColumns } from "../store/native-columns.ts";
import type { Statement } from "../store/run-statement.ts";
import { streamBytes } from "../store/stream-bytes.ts";
import { buildStepList, countDays, dayMs, rowsWithout, type StepList } from "./step-list.ts";

export interface LoadTask {
  readonly url: string;
  readonly settings: ClickHouseSettings;
  readonly projectId: number;
  /** Each answers user_number and `at`, milliseconds after its `baseMs`: as few as a UInt32 holds. */
  readonly reads: readonly { readonly statement: Statement; readonly baseMs: number }[];
  /** As counted before; there may be more by now. */
  readonly rowsExpected: number;
  /** Days that are read, from that of `fromMs`; `days` of them are covered. */
  readonly fromMs: number;
  readonly days: number;
  readonly read: readonly number[];
  readonly held: { readonly list: StepList; readonly fromMs: number } | undefined;
}

export interface LoadedSteps {
  readonly list: StepList;
  /** Rows of each covered day. */
  readonly dayRows: Uint32Array;
}

/** What went wrong keeps its code on the way between threads only as a value. */
export type Loaded =
  LoadedSteps | { readonly failed: { readonly code: ErrorCode; readonly message: string } };

/** Events that may arrive while they are read. */
const rowsMore = 1_000_000;

/** One client a thread: its connection is kept from task to task. */
const clients = new Map<string, ClickHouse>();

function clientOf(url: string): ClickHouse {
  let client = clients.get(url);
  if (client === undefined) {
    client = createClickHouse(url, { name: "query-columns", connectionsMax: 1 });
    clients.set(url, client);
  }
  return client;
}

export async function loadSteps(task: LoadTask): Promise<Loaded> {
  try {
    return await load(task);
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    return { failed: { code: error.code, message: error.message } };
  }
}

async function load(task: LoadTask): Promise<LoadedSteps> {
  const { fromMs, held } = task;
  const pieces: { users: Uint32Array; ats: Uint32Array; baseMs: number }[] = [];
  for (const { statement, baseMs } of task.reads) {
    pieces.push({ ...(await readRows(task, statement)), baseMs });
  }
  const read = new Set(task.read);
  const kept =
    held === undefined
      ? undefined
      : rowsWithout(held.list, held.fromMs, (day) => read.has(day + (held.fromMs - fromMs) / dayMs));
  const count = pieces.reduce((sum, { users }) => sum + users.length, kept?.users.length ?? 0);
  const users = new Uint32Array(count);
  const times = new Float64Array(count);
  let rows = 0;
  // What is held is mostly older than what is read: instants then come nearly in order.
  if (kept !== undefined) {
    users.set(kept.users);
    times.set(kept.times);
    rows = kept.users.length;
  }
  for (const piece of pieces) {
    users.set(piece.users, rows);
    const { ats, baseMs } = piece;
    for (let at = 0; at < ats.length; at += 1) times[rows + at] = baseMs + (ats[at] as number);
    rows += ats.length;
  }
  return { list: buildStepList({ users, times }), dayRows: countDays(times, fromMs, task.days) };
}

async function readRows(
  task: LoadTask,
  statement: Statement,
): Promise<{ users: Uint32Array; ats: Uint32Array }> {
  const reader = new NativeColumns(
    [
      { name: "user_number", type: "UInt32" },
      { name: "at", type: "UInt32" },
    ],
    {
      rowsExpected: Math.ceil(task.rowsExpected / task.reads.length),
      rowsMax: 2 * task.rowsExpected + rowsMore,
      refuse: () =>
        new MillraceError("STORE_UNAVAILABLE", { message: "many more events arrived while they were read" }),
    },
  );
  await streamBytes(
    { clickhouse: clientOf(task.url) },
    { ...statement, sql: `${statement.sql}\nFORMAT Native` },
    {
      projectId: task.projectId,
      queryId: `query-${randomUUID()}`,
      // Others may wait for the same rows: whoever leaves does not end it, its budget of time does.
      signal: new AbortController().signal,
      settings: task.settings,
      onBytes: (bytes) => reader.push(bytes),
    },
  );
  const [users, ats] = reader.finish() as [Uint32Array, Uint32Array];
  return { users, ats };
}
