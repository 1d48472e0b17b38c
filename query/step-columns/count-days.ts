// Rows of each event on each day, which say what of a column is as it was. Reads some rows of a rollup, not their sets.
import { rangeSql } from "../events/bucket-sql.ts";
import { Parameters } from "../sql/parameters.ts";
import { fromTable, rollupTable } from "../sql/scope.ts";
import type { QueryRun } from "../store/query-run.ts";
import { instantMsMax } from "../time/instants.ts";
import { dayMs } from "./step-list.ts";

/** By event, then by the day's midnight; null: of any name. */
export type DayCounts = ReadonlyMap<string | null, ReadonlyMap<number, number>>;

export async function countDays(
  run: QueryRun,
  events: readonly (string | null)[],
  plans: readonly { readonly fromMs: number; readonly days: number }[],
): Promise<DayCounts> {
  const counts = new Map<string | null, Map<number, number>>();
  const covering = plans.filter(({ days }) => days > 0);
  if (covering.length === 0) return counts;
  const parameters = new Parameters();
  const days = {
    fromMs: Math.min(...covering.map(({ fromMs }) => fromMs)),
    endMs: Math.min(Math.max(...covering.map((each) => each.fromMs + each.days * dayMs)), instantMsMax + 1),
  };
  const range = rangeSql("rollup_day", days, parameters);
  const names = events.filter((event) => event !== null);
  const columns = "toUnixTimestamp64Second(day), sum(events)";
  const ofNames = [range, `event IN ${parameters.bind("Array(String)", names)}`];
  const selects = [
    `SELECT toNullable(event) AS name, ${columns} ${fromTable("rollup_day", ofNames)} GROUP BY event, day`,
    ...(events.includes(null)
      ? [
          `SELECT NULL AS name, ${columns} ${fromTable(rollupTable("rollup_day", null), [range])} GROUP BY day`,
        ]
      : []),
  ];
  const rows = await run.rows(
    { step: "how many events there are each day", sources: [] },
    { sql: selects.join("\nUNION ALL\n"), parameters: parameters.values },
  );
  for (const [event, second, count] of rows as [string | null, number, number][]) {
    const ofEvent = counts.get(event) ?? new Map<number, number>();
    counts.set(event, ofEvent);
    ofEvent.set(second * 1000, count);
  }
  return counts;
}
