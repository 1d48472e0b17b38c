// How many events of each name there are on each day. Events are only ever added, each exactly once, so that is a version
// of whatever was made of them: kept answers, kept days of selectors and columns in memory are all held to it. Reads a
// few rows of a rollup, not their sets.
import { rangeSql } from "../events/bucket-sql.ts";
import { Parameters } from "../sql/parameters.ts";
import { fromTable, rollupTable } from "../sql/scope.ts";
import type { Statement } from "../store/run-statement.ts";
import { instantMsMax, instantMsMin } from "../time/instants.ts";

export const dayMs = 86_400_000;
const lastDay = Math.floor(instantMsMax / dayMs);

/** Names; null: any. Days since 1970, in UTC. */
export interface DayScope {
  readonly events: readonly (string | null)[];
  readonly fromDay: number;
  readonly endDay: number;
}

/** By name, then by day; days without events are left out. */
export type DayCounts = ReadonlyMap<string | null, ReadonlyMap<number, number>>;

export interface CountedDays extends DayScope {
  readonly counts: DayCounts;
}

export interface DayCountsSql {
  /** One for each name. */
  readonly columns: readonly string[];
  readonly from: string;
}

/** A few thousand rows: one thread, and no plan of how to read them. A statement costs the less the less it is thought about. */
export const countingSettings = "SETTINGS max_threads = 1, optimize_move_to_prewhere = 0";

/** `days`, `counts` of [fromDay, endDay): arrays of equal length. */
const mapOfDays = "[toInt32(intDiv(toUnixTimestamp64Second(day), 86400))], [events]";

/** Whole days that [fromMs, endMs) touches, as far as there are any. */
export function daysOf(range: { readonly fromMs: number; readonly endMs: number }): {
  fromDay: number;
  endDay: number;
} {
  return {
    fromDay: Math.floor(Math.max(range.fromMs, instantMsMin) / dayMs),
    endDay: Math.min(Math.ceil(range.endMs / dayMs), lastDay + 1),
  };
}

/** Names that are given; one row, whatever there is. */
export function dayCountsSql({ events, ...days }: DayScope, parameters: Parameters): DayCountsSql {
  const range = rangeOf(days, parameters);
  if (events.every((event) => event === null)) {
    return {
      columns: events.map(() => `sumMap(${mapOfDays})`),
      from: fromTable(rollupTable("rollup_day", null), [range]),
    };
  }
  const names = parameters.bind("Array(String)", events);
  return {
    columns: events.map((event) =>
      events.length === 1
        ? `sumMap(${mapOfDays})`
        : `sumMapIf(${mapOfDays}, event = ${parameters.bind("String", event)})`,
    ),
    from: fromTable("rollup_day", [`event IN ${names}`, range]),
  };
}

/** Of `columns`, in their order. */
export function readDayCounts({ events }: DayScope, row: readonly unknown[]): DayCounts {
  return new Map(events.map((event, index) => [event, mapOf(row[index])]));
}

/** Every name there is apart, as [name, [days, counts]]. */
export function everyNameStatement(days: Omit<DayScope, "events">): Statement {
  const parameters = new Parameters();
  const from = fromTable("rollup_day", [rangeOf(days, parameters)]);
  return {
    sql: `SELECT event, sumMap(${mapOfDays}) AS counts ${from} GROUP BY event ${countingSettings}`,
    parameters: parameters.values,
  };
}

export function readEveryName(rows: readonly (readonly unknown[])[]): Map<string, Map<number, number>> {
  return new Map(rows.map(([event, counts]) => [event as string, mapOf(counts)]));
}

/** Undefined where something of the scope was not counted. */
export function countsWithin(counted: CountedDays | undefined, scope: DayScope): DayCounts | undefined {
  if (counted === undefined || counted.fromDay > scope.fromDay || counted.endDay < scope.endDay)
    return undefined;
  const within = new Map<string | null, ReadonlyMap<number, number>>();
  for (const event of scope.events) {
    const counts = counted.counts.get(event);
    if (counts === undefined) return undefined;
    within.set(event, new Map([...counts].filter(([day]) => day >= scope.fromDay && day < scope.endDay)));
  }
  return within;
}

export function sumOf(counts: DayCounts): number {
  let sum = 0;
  for (const ofName of counts.values()) for (const count of ofName.values()) sum += count;
  return sum;
}

function rangeOf({ fromDay, endDay }: Omit<DayScope, "events">, parameters: Parameters): string {
  return rangeSql("rollup_day", { fromMs: fromDay * dayMs, endMs: endDay * dayMs }, parameters);
}

function mapOf(column: unknown): Map<number, number> {
  const [days, counts] = column as [number[], number[]];
  return new Map(days.map((day, place) => [day, counts[place] as number]));
}
