// How far the data of a funnel has come: events per UTC day, and joins of ids.
import type { QueryRun } from "../../store/query-run.ts";
import { Parameters } from "../../sql/parameters.ts";
import { fromTable, rollupTable } from "../../sql/scope.ts";
import { instantMsMax } from "../../time/instants.ts";
import { rangeSql } from "../bucket-sql.ts";
import { eventsOf, funnelTable } from "../funnel/plan.ts";
import type { FunnelRequest } from "../funnel/request.ts";

export const dayMs = 86_400_000;

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
  const parameters = new Parameters();
  const names = eventsOf(request);
  const conditions = [
    rangeSql("rollup_day", wholeDays(range), parameters),
    ...(names === undefined ? [] : [`event IN ${parameters.bind("Array(String)", names)}`]),
  ];
  const table = rollupTable("rollup_day", names === undefined ? null : "");
  return readCounts(
    run,
    { step: "events by day", table },
    `SELECT intDiv(toUnixTimestamp64Second(day), 86400) AS number, sum(events) AS events ${fromTable(table, conditions)}
     GROUP BY number ORDER BY number`,
    parameters,
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
  return readCounts(
    run,
    { step: "rows by day", table },
    `SELECT toInt64(floor(toUnixTimestamp64Milli(timestamp) / 86400000)) AS number, count() AS events
     ${fromTable(table, conditions)} GROUP BY number ORDER BY number`,
    parameters,
  );
}

async function readCounts(
  run: QueryRun,
  { step, table }: { step: string; table: string },
  sql: string,
  parameters: Parameters,
): Promise<DayCounts> {
  const rows = await run.rows({ step, sources: [table] }, { sql, parameters: parameters.values });
  return new DayCounts(rows.map((row) => ({ day: Number(row[0]), events: Number(row[1]) })));
}

function wholeDays({ fromMs, endMs }: Range): Range {
  return {
    fromMs: Math.floor(fromMs / dayMs) * dayMs,
    endMs: Math.min(Math.ceil(endMs / dayMs) * dayMs, instantMsMax + 1),
  };
}
