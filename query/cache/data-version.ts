// A version of the data that an answer is made of, from the store itself: events are only ever added, exactly once, so
// their number is a version of them; joined ids, members of cohorts and properties of users carry growing versions of
// their own. Equal versions mean equal answers.
import type { People } from "../people/people.ts";
import { rangeSql } from "../events/bucket-sql.ts";
import { Parameters } from "../sql/parameters.ts";
import { fromTable, rollupTable } from "../sql/scope.ts";
import { runStatement, type Store } from "../store/run-statement.ts";
import { instantMsMax, instantMsMin } from "../time/instants.ts";
import type { ReadScope } from "./read-scope.ts";

const dayMs = 86_400_000;

export interface DataVersion {
  /** Of the events in scope. */
  readonly events: number;
  /** Of everything that is known of people. */
  readonly people: string;
}

/** Of people whose ids are not joined, where neither cohorts nor their properties are asked for: as `readDataVersion` says it. */
export const plainPeopleVersion = JSON.stringify([false, [], 0, "", ""]);

interface Asked {
  readonly projectId: number;
  readonly signal: AbortSignal;
}

/** One statement; 5 ms over 100 M events. */
export async function readDataVersion(
  store: Store,
  asked: Asked & {
    scope: ReadScope;
    people: People;
    userProperties: readonly string[];
  },
): Promise<DataVersion> {
  const { scope, people, userProperties } = asked;
  const parameters = new Parameters();
  const columns = [people.merged ? `(SELECT max(version) ${fromTable("persons", [])})` : "0"];
  const cohorts = [...people.cohorts.values()].sort((left, right) => left - right);
  columns.push(
    cohorts.length === 0
      ? "''"
      : `(SELECT toString(groupArray((cohort_id, latest))) FROM (SELECT cohort_id, max(generation) AS latest ${fromTable("cohort_members", [`cohort_id IN ${parameters.bind("Array(Int64)", cohorts)}`])} GROUP BY cohort_id ORDER BY cohort_id))`,
  );
  columns.push(
    userProperties.length === 0
      ? "''"
      : `(SELECT toString((count(), sum(version))) ${fromTable("user_properties", [`property IN ${parameters.bind("Array(String)", userProperties)}`])})`,
  );
  const { rows } = await runStatement(
    store,
    {
      // One thread: a few thousand rows, and a statement costs the less the fewer it wakes. Events are not one of the
      // subqueries: that would be a fifth more work.
      sql: `SELECT sum(events), ${columns.join(", ")} ${eventsSql(scope, parameters)} SETTINGS max_threads = 1`,
      parameters: parameters.values,
    },
    asked,
  );
  const [events, ...rest] = rows[0] ?? [];
  return { events: Number(events ?? 0), people: JSON.stringify([people.merged, cohorts, ...rest]) };
}

/** Time of the first event after an instant; undefined when there is none. */
export async function nextEventMs(store: Store, asked: Asked, afterMs: number): Promise<number | undefined> {
  const parameters = new Parameters();
  const range = { fromMs: afterMs + 1, endMs: instantMsMax + 1 };
  const sql = `SELECT toUnixTimestamp64Milli(minOrNull(timestamp)) ${fromTable("events", [rangeSql("events", range, parameters)])}`;
  const { rows } = await runStatement(store, { sql, parameters: parameters.values }, asked);
  const found = rows[0]?.[0];
  return typeof found === "number" ? found : undefined;
}

/** The days that the scope touches, whole. */
function eventsSql({ events, fromMs, endMs }: ReadScope, parameters: Parameters): string {
  const days = {
    fromMs: Math.floor(Math.max(fromMs, instantMsMin) / dayMs) * dayMs,
    endMs: Math.min(Math.ceil(endMs / dayMs) * dayMs, instantMsMax + 1),
  };
  const range = rangeSql("rollup_day", days, parameters);
  const names = events.filter((event) => event !== null);
  if (names.length < events.length) return fromTable(rollupTable("rollup_day", null), [range]);
  return fromTable("rollup_day", [
    `event IN ${parameters.bind("Array(String)", [...new Set(names)])}`,
    range,
  ]);
}
