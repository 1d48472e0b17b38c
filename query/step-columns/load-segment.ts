// In a thread of the pool: reads the rows of a segment's stale days from `steps`, and makes it anew of them and of what
// it already held of its other days.
import { randomUUID } from "node:crypto";
import type { ClickHouseSettings } from "@clickhouse/client";
import { MillraceError, type ErrorCode } from "#schemas/errors.ts";
import { createClickHouse, type ClickHouse } from "#ops/runtime/clickhouse.ts";
import { NativeColumns } from "../store/native-columns.ts";
import type { Statement } from "../store/run-statement.ts";
import { streamBytes } from "../store/stream-bytes.ts";
import { dayMs, type Segment, type Span } from "./segment.ts";
import { sortRows } from "./sort-rows.ts";

export interface LoadTask extends Span {
  readonly url: string;
  readonly statement: Statement;
  readonly settings: ClickHouseSettings;
  readonly projectId: number;
  /** As counted before; there may be more by now. */
  readonly rowsExpected: number;
  readonly rowsMax: number;
  /** Numbers of the days that the statement reads, from 0. */
  readonly days: readonly number[];
  readonly held: Segment | undefined;
}

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

/** What went wrong keeps its code on the way between threads only as a value. */
export type Loaded =
  { readonly segment: Segment } | { readonly failed: { readonly code: ErrorCode; readonly message: string } };

export async function loadSegment(task: LoadTask): Promise<Loaded> {
  try {
    return { segment: await readSegment(task) };
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    return { failed: { code: error.code, message: error.message } };
  }
}

async function readSegment(task: LoadTask): Promise<Segment> {
  const { fromMs, endMs, held } = task;
  const reader = new NativeColumns(
    [
      { name: "user_number", type: "UInt32" },
      { name: "at", type: "UInt32" },
    ],
    {
      rowsExpected: task.rowsExpected,
      rowsMax: task.rowsMax,
      refuse: () =>
        new MillraceError("STORE_UNAVAILABLE", { message: "many more events arrived while they were read" }),
    },
  );
  await streamBytes(
    { clickhouse: clientOf(task.url) },
    { ...task.statement, sql: `${task.statement.sql}\nFORMAT Native` },
    {
      projectId: task.projectId,
      queryId: `query-${randomUUID()}`,
      // Others may wait for the same segment: whoever leaves does not end it, its budget of time does.
      signal: new AbortController().signal,
      settings: task.settings,
      onBytes: (bytes) => reader.push(bytes),
    },
  );
  const [users, times] = reader.finish() as [Uint32Array<ArrayBuffer>, Uint32Array<ArrayBuffer>];
  const kept = held === undefined ? undefined : daysOf(held, new Set(task.days));
  const rows = users.length + (kept?.users.length ?? 0);
  const shared = { users: sharedNumbers(rows), times: sharedNumbers(rows) };
  const spare = { users: sharedNumbers(rows), times: sharedNumbers(rows) };
  shared.users.set(users);
  shared.times.set(times);
  if (kept !== undefined) {
    shared.users.set(kept.users, users.length);
    shared.times.set(kept.times, users.length);
  }
  const sorted = sortRows(shared, spare);
  const dayRows = new Uint32Array((endMs - fromMs) / dayMs);
  for (const time of sorted.times) {
    const day = Math.floor(time / dayMs);
    dayRows[day] = (dayRows[day] as number) + 1;
  }
  return { fromMs, endMs, rows, users: sorted.users, times: sorted.times, dayRows };
}

/** The rows of all other days. */
function daysOf(segment: Segment, without: ReadonlySet<number>): { users: Uint32Array; times: Uint32Array } {
  const users = new Uint32Array(segment.rows);
  const times = new Uint32Array(segment.rows);
  let rows = 0;
  for (let at = 0; at < segment.rows; at += 1) {
    const time = segment.times[at] as number;
    if (without.has(Math.floor(time / dayMs))) continue;
    users[rows] = segment.users[at] as number;
    times[rows] = time;
    rows += 1;
  }
  return { users: users.subarray(0, rows), times: times.subarray(0, rows) };
}

function sharedNumbers(length: number): Uint32Array {
  return new Uint32Array(new SharedArrayBuffer(4 * length));
}
