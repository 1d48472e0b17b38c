// A version of the data that an answer is made of, from the store itself: events are only ever added, exactly once, so
// their number is a version of them; joined ids, members of cohorts and properties of users carry growing versions of
// their own. Equal versions mean equal answers.
import type { People } from "../people/people.ts";
import {
  countingSettings,
  dayCountsSql,
  dayMs,
  daysOf,
  readDayCounts,
  sumOf,
  type CountedDays,
  type DayScope,
} from "../day-counts/count-days.ts";
import { rangeSql } from "../events/bucket-sql.ts";
import { Parameters } from "../sql/parameters.ts";
import { fromTable, rollupTable } from "../sql/scope.ts";
import { runStatement, type Store } from "../store/run-statement.ts";
import { instantMsMax } from "../time/instants.ts";
import type { ReadScope } from "./read-scope.ts";

/** Of more names or days only the number of events is read: theirs would be long to send, and hardly anybody needs it. */
const namesCountedMax = 12;
const daysCountedMax = 400;

export interface DataVersion {
  /** Of the events in scope. */
  readonly events: number;
  /** Of everything that is known of people. */
  readonly people: string;
}

/** Of people whose ids are not joined, where neither cohorts nor their properties are asked for: as `readDataVersion` says it. */
export const plainPeopleVersion = JSON.stringify([false, [], 0, "", ""]);

/** A version, and what was counted for it; undefined: only the sum of it. */
export interface ReadVersion {
  readonly version: DataVersion;
  readonly counted: CountedDays | undefined;
}

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
): Promise<ReadVersion> {
  const { scope, people, userProperties } = asked;
  const parameters = new Parameters();
  const days = daysToCount(scope);
  const counting = days === undefined ? sumSql(scope, parameters) : dayCountsSql(days, parameters);
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
      // Events are not one of the subqueries: that would be a fifth more work.
      sql: `SELECT ${[...counting.columns, ...columns].join(", ")} ${counting.from} ${countingSettings}`,
      parameters: parameters.values,
    },
    asked,
  );
  const row = rows[0] ?? [];
  const ofPeople = JSON.stringify([people.merged, cohorts, ...row.slice(counting.columns.length)]);
  if (days === undefined) {
    return { version: { events: Number(row[0] ?? 0), people: ofPeople }, counted: undefined };
  }
  const counts = readDayCounts(days, row);
  return { version: { events: sumOf(counts), people: ofPeople }, counted: { ...days, counts } };
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

/** Undefined: too many. */
function daysToCount(scope: ReadScope): DayScope | undefined {
  const events = namesOf(scope);
  const days = daysOf(scope);
  const isFew = events.length <= namesCountedMax && days.endDay - days.fromDay <= daysCountedMax;
  return isFew && events.length > 0 ? { events, ...days } : undefined;
}

/** Whoever looks at events of any name looks at all of them. */
function namesOf({ events }: ReadScope): (string | null)[] {
  return events.includes(null) ? [null] : [...new Set(events)];
}

function sumSql(scope: ReadScope, parameters: Parameters): { columns: string[]; from: string } {
  const { fromDay, endDay } = daysOf(scope);
  const range = rangeSql("rollup_day", { fromMs: fromDay * dayMs, endMs: endDay * dayMs }, parameters);
  const names = namesOf(scope);
  const from =
    names[0] === null
      ? fromTable(rollupTable("rollup_day", null), [range])
      : fromTable("rollup_day", [`event IN ${parameters.bind("Array(String)", names)}`, range]);
  return { columns: ["sum(events)"], from };
}
