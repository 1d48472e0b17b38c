// In a thread of the pool: reads rows from `steps` and makes a list of them and of what was held of other days.
import { randomUUID } from "node:crypto";
import type { ClickHouseSettings } from "@clickhouse/client";
import { MillraceError, type ErrorCode } from "#schemas/errors.ts";
import { createClickHouse, type ClickHouse } from "#ops/runtime/clickhouse.ts";
import { NativeColumns } from "../store/native-columns.ts";
import type { Statement } from "../store/run-statement.ts";
import { streamBytes } from "../store/stream-bytes.ts";
import { partOf } from "./column-parts.ts";
import { readColumnPart, type ColumnFile } from "./files/column-file.ts";
import { countDays, mergeSteps } from "./merge-steps.ts";
import { buildStepList, type Rows, type StepList } from "./step-list.ts";

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
  /** Parts of the users that the rows are of; those of several are told apart here. */
  readonly parts: readonly number[];
  /** One for each part, or the file that has them. */
  readonly held: readonly (StepList | undefined)[] | ColumnFile | undefined;
}

export interface LoadedSteps {
  /** One for each part. */
  readonly lists: readonly StepList[];
  /** Rows of each day that was read. */
  readonly dayRows: Uint32Array;
}

/** What went wrong keeps its code on the way between threads only as a value. */
export type Loaded =
  | LoadedSteps
  | { readonly failed: { readonly code: ErrorCode; readonly message: string } }
  | { readonly unreadable: string };

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
    if (error instanceof UnreadablePart) return { unreadable: error.message };
    if (!(error instanceof MillraceError)) throw error;
    return { failed: { code: error.code, message: error.message } };
  }
}

async function load(task: LoadTask): Promise<LoadedSteps> {
  const { fromMs, days, parts } = task;
  // Before rows are read: a file may turn out to be torn.
  const held = parts.map((part, index) => heldOf(task, part, index));
  const pieces: Rows[] = [];
  for (const { statement, baseMs } of task.reads) {
    pieces.push({ ...(await readRows(task, statement)), baseMs });
  }
  const dayRows = new Uint32Array(days);
  const lists = parts.map((part, index) => {
    const before = held[index];
    if (before !== undefined && pieces.length === 0 && before.baseMs === fromMs) return before;
    const added = buildStepList(
      parts.length === 1 ? pieces : pieces.map((piece) => rowsOf(piece, part)),
      fromMs,
    );
    countDays(added, days).forEach((rows, day) => (dayRows[day] = (dayRows[day] as number) + rows));
    if (before === undefined) return added;
    return mergeSteps({ held: before, added, baseMs: fromMs, days, replaced: task.read });
  });
  return { lists, dayRows };
}

function heldOf({ held }: LoadTask, part: number, index: number): StepList | undefined {
  if (held === undefined || !("path" in held)) return held?.[index];
  try {
    return readColumnPart(held, part);
  } catch (error) {
    throw new UnreadablePart(error instanceof Error ? error.message : String(error));
  }
}

class UnreadablePart extends Error {}

/** Those of one part of the users. */
function rowsOf({ users, ats, baseMs }: Rows, part: number): Rows {
  let count = 0;
  for (let at = 0; at < users.length; at += 1) if (partOf(users[at] as number) === part) count += 1;
  const rows = { users: new Uint32Array(count), ats: new Uint32Array(count), baseMs };
  let to = 0;
  for (let at = 0; at < users.length; at += 1) {
    const user = users[at] as number;
    if (partOf(user) !== part) continue;
    rows.users[to] = user;
    rows.ats[to] = ats[at] as number;
    to += 1;
  }
  return rows;
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
