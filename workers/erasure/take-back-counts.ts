// Rollups count events of everybody together, and are added to all the time: what a person added is taken back by rows
// with the counts below zero. Counts are sums modulo 2^64, so such a row is one that is missing to 2^64. Derived
// rollups (days, any event) follow by the same views as for events.
import { insertOnce } from "../insert-once.ts";
import type { MutableStore } from "./mutate.ts";

/** Of one insert: one block, so that the store knows a repeated one by its token. */
const rowsAtOnceMax = 100_000;
const rollups = [
  { table: "rollup_minute", column: "minute", seconds: 60 },
  { table: "rollup_hour", column: "hour", seconds: 3_600 },
] as const;

interface Counted {
  readonly event: string;
  readonly seconds: number;
  readonly events: number;
}

/**
 * Nothing may be added to the person's rows any more, and none may be removed before this has succeeded: a repeated call
 * has to find the same. `name` makes repeated inserts known.
 */
export async function takeBackCounts(
  store: MutableStore,
  person: { readonly projectId: number; readonly numbers: readonly number[] },
  name: string,
  signal: AbortSignal,
): Promise<void> {
  for (const { table, column, seconds } of rollups) {
    const into = { table, columns: ["project_id", "event", column, "events"] as const, name };
    let rows: unknown[][] = [];
    let start = 0;
    // Of a thousand people who go together there may be millions: never all of them at once.
    for await (const counted of count(store, person, seconds, signal)) {
      rows.push([
        person.projectId,
        counted.event,
        storeSeconds(counted.seconds),
        String(2n ** 64n - BigInt(counted.events)),
      ]);
      if (rows.length < rowsAtOnceMax) continue;
      await insertBlock(store, into, start, rows, signal);
      start += rows.length;
      rows = [];
    }
    if (rows.length > 0) await insertBlock(store, into, start, rows, signal);
  }
}

async function* count(
  { clickhouse }: MutableStore,
  person: { readonly projectId: number; readonly numbers: readonly number[] },
  seconds: number,
  signal: AbortSignal,
): AsyncGenerator<Counted> {
  const ms = seconds * 1000;
  const result = await clickhouse.query({
    query: `SELECT event, intDiv(toUnixTimestamp64Milli(timestamp) - positiveModulo(toUnixTimestamp64Milli(timestamp), ${ms}), 1000) AS seconds,
        count() AS events
      FROM steps
      WHERE project_id = {project:UInt32} AND bucket IN {buckets:Array(UInt8)} AND user_number IN {numbers:Array(UInt32)}
      GROUP BY event, seconds ORDER BY event, seconds`,
    query_params: {
      project: person.projectId,
      numbers: person.numbers,
      buckets: [...new Set(person.numbers.map((number) => number % 16))],
    },
    use_multipart_params_auto: true,
    format: "JSONEachRow",
    clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
    abort_signal: signal,
  });
  for await (const lines of result.stream<Counted>()) for (const line of lines) yield line.json();
}

interface Into {
  readonly table: string;
  readonly columns: readonly [string, ...string[]];
  readonly name: string;
}

/** Always the same rows in the same order for the same table and name: repeated ones are known by their token. */
export async function insertTakenBack(
  store: MutableStore,
  into: Into,
  rows: readonly (readonly unknown[])[],
  signal: AbortSignal,
): Promise<void> {
  for (let start = 0; start < rows.length; start += rowsAtOnceMax) {
    await insertBlock(store, into, start, rows.slice(start, start + rowsAtOnceMax), signal);
  }
}

async function insertBlock(
  { clickhouse }: MutableStore,
  into: Into,
  start: number,
  rows: readonly (readonly unknown[])[],
  signal: AbortSignal,
): Promise<void> {
  await clickhouse.insert({
    table: into.table,
    columns: [...into.columns] as [string, ...string[]],
    values: rows,
    format: "JSONCompactEachRow",
    clickhouse_settings: {
      ...insertOnce(`${into.name}-${into.table}-${start}`),
      date_time_input_format: "basic",
    },
    abort_signal: signal,
  });
}

/** As the store reads times, before 1970 too. */
export function storeSeconds(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 19).replace("T", " ");
}
