// How far the data of a funnel has come: events per UTC day, and joins of ids.
import { daysOf } from "../../day-counts/count-days.ts";
import type { QueryRun } from "../../store/query-run.ts";
import { Parameters } from "../../sql/parameters.ts";
import { fromTable, type EventTable } from "../../sql/scope.ts";
import { instantMsMax } from "../../time/instants.ts";
import { rangeSql } from "../bucket-sql.ts";
import { eventsOf, funnelTable } from "../funnel/plan.ts";
import type { FunnelRequest } from "../funnel/request.ts";

export const dayMs = 86_400_000;
const rollup: EventTable = "rollup_day";

/** Events of a funnel's names by UTC day. */
export class DayCounts {
  /** Numbers of days, ascending, and how many events lie before each. */
  readonly #days: number[] = [];
  readonly #before: number[] = [];
  #total = 0;

  /** Days in ascending order. */
  constructor(rows: readonly { readonly day: number; readonly events: number }[]) {
    for (const { day, events } of rows) {
      this.#days.push(day);
      this.#before.push(this.#total);
      this.#total += events;
    }
  }

  /** In the UTC days that [fromMs, endMs) touches. */
  between(fromMs: number, endMs: number): number {
    return this.#beforeDay(Math.ceil(endMs / dayMs)) - this.#beforeDay(Math.floor(fromMs / dayMs));
  }

  #beforeDay(day: number): number {
    let low = 0;
    let high = this.#days.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#days[middle] as number) < day) low = middle + 1;
      else high = middle;
    }
    return this.#before[low] ?? this.#total;
  }
}

interface Range {
  readonly fromMs: number;
  readonly endMs: number;
}

/** As the rollup counts them: cheap. */
export async function readRollupCounts(
  run: QueryRun,
  request: FunnelRequest,
  range: Range,
): Promise<DayCounts> {
  const counts = await run.dayCounts({ events: eventsOf(request) ?? [null], ...daysOf(range) });
  run.useSource(rollup);
  const ofDays = new Map<number, number>();
  for (const ofName of counts.values()) {
    for (const [day, events] of ofName) ofDays.set(day, (ofDays.get(day) ?? 0) + events);
  }
  return new DayCounts(
    [...ofDays].map(([day, events]) => ({ day, events })).sort((left, right) => left.day - right.day),
  );
}

/** As the rows are there that the funnel itself reads. */
export async function readRowCounts(run: QueryRun, request: FunnelRequest, range: Range): Promise<DayCounts> {
  const parameters = new Parameters();
  const names = eventsOf(request);
  const table = funnelTable(request);
  const conditions = [
    rangeSql(table, wholeDays(range), parameters),
    ...(names === undefined ? [] : [`event IN ${parameters.bind("Array(String)", names)}`]),
  ];
  const rows = await run.rows(
    { step: "rows by day", sources: [table] },
    {
      sql: `SELECT toInt64(floor(toUnixTimestamp64Milli(timestamp) / 86400000)) AS number, count() AS events
     ${fromTable(table, conditions)} GROUP BY number ORDER BY number`,
      parameters: parameters.values,
    },
  );
  return new DayCounts(rows.map((row) => ({ day: Number(row[0]), events: Number(row[1]) })));
}

function wholeDays({ fromMs, endMs }: Range): Range {
  return {
    fromMs: Math.floor(fromMs / dayMs) * dayMs,
    endMs: Math.min(Math.ceil(endMs / dayMs) * dayMs, instantMsMax + 1),
  };
}
