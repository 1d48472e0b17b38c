// The time of a row of each table as SQL: rows of a range, and the bucket of a row.
import { bucketOfOffset } from "../sql/bucket-numbers.ts";
import type { Buckets } from "../time/buckets.ts";
import type { EventTable, KeptTable } from "../sql/scope.ts";
import type { Parameters } from "../sql/parameters.ts";

const timeColumns = {
  events: "timestamp",
  steps: "timestamp",
  rollup_minute: "minute",
  rollup_hour: "hour",
  rollup_day: "day",
} as const satisfies Record<EventTable, string>;

/** Columns that count days or hours since 1970, and how long each is. */
const countedTimes = {
  partial_day: { column: "day", ms: 86_400_000 },
  partial_hour: { column: "hour", ms: 3_600_000 },
} as const satisfies Record<KeptTable, object>;

function isCounted(table: EventTable | KeptTable): table is KeptTable {
  return Object.hasOwn(countedTimes, table);
}

/** Rows of [fromMs, endMs); compares the column itself, so that the store can skip what lies outside. */
export function rangeSql(
  table: EventTable | KeptTable,
  range: { readonly fromMs: number; readonly endMs: number },
  parameters: Parameters,
): string {
  const isRaw = table === "events" || table === "steps";
  parameters.noteRead({ isRaw, fromMs: range.fromMs, endMs: range.endMs });
  if (isCounted(table)) {
    const { column, ms } = countedTimes[table];
    const first = parameters.bind("Int64", Math.ceil(range.fromMs / ms));
    return `${column} BETWEEN ${first} AND ${parameters.bind("Int64", Math.ceil(range.endMs / ms) - 1)}`;
  }
  const column = timeColumns[table];
  const from = parameters.bind("Int64", range.fromMs);
  const last = parameters.bind("Int64", range.endMs - 1);
  // The last instant instead of the one after it: the end of 2299 is the last one that the type can hold.
  return `${column} BETWEEN fromUnixTimestamp64Milli(${from}, 'UTC') AND fromUnixTimestamp64Milli(${last}, 'UTC')`;
}

/** An Int64 that stands for the bucket; `bucketIndexes` turns it into the bucket's position. */
export function bucketSql(table: EventTable | KeptTable, buckets: Buckets, parameters: Parameters): string {
  const originMs = buckets.startsMs[0] as number;
  return bucketOfOffset(offsetSecondsSql(table, originMs, parameters), buckets, parameters);
}

function offsetSecondsSql(table: EventTable | KeptTable, originMs: number, parameters: Parameters): string {
  if (isCounted(table)) {
    const { column, ms } = countedTimes[table];
    return `toInt64(${column}) * ${ms / 1000} - ${parameters.bind("Int64", originMs / 1000)}`;
  }
  return table === "events" || table === "steps"
    ? `intDiv(toUnixTimestamp64Milli(${timeColumns[table]}) - ${parameters.bind("Int64", originMs)}, 1000)`
    : `toUnixTimestamp64Second(${timeColumns[table]}) - ${parameters.bind("Int64", originMs / 1000)}`;
}
