// Sessions as rows: one for each, at the time of its first event (`$session_start`) or of its latest (`$session_end`),
// of its person, with its properties. Read out of the events of the range and as much around it as tells where
// sessions begin: a person's instants in order, cut where they pause for longer than the project's idle time.
//
// An idle time before the range (after it, for ends) shows whether a session goes on across the border. Lengths, events
// and last pages are those within a day of the session's start (before its end), so a bot that never pauses is one
// session, whose length is a day, and nothing has to be read beyond that.
import type { SessionEvent, SessionProperty } from "#schemas/query/sessions.ts";
import { rangeSql } from "../events/bucket-sql.ts";
import { personSql } from "../people/person-sql.ts";
import type { SqlContext } from "../sql/context.ts";
import { propertySql, type PropertySql } from "../sql/property.ts";
import { fromTable } from "../sql/scope.ts";
import { instantMsMax, instantMsMin } from "../time/instants.ts";

export const sessionIdleMsDefault = 30 * 60_000;
/** Beyond so much of a session nothing is looked at. */
export const sessionMsMax = 86_400_000;

interface Range {
  readonly fromMs: number;
  readonly endMs: number;
}

/** The events that tell about sessions of the range. */
export function eventsAround(event: SessionEvent, { fromMs, endMs }: Range, idleMs: number): Range {
  const [before, after] = event === "$session_start" ? [idleMs, sessionMsMax] : [sessionMsMax, idleMs];
  return {
    fromMs: Math.max(fromMs - Math.max(before, idleMs), instantMsMin),
    endMs: Math.min(endMs + Math.max(after, idleMs) + 1, instantMsMax + 1),
  };
}

const noNumber = "CAST(NULL, 'Nullable(Float64)')";
const noBoolean = "CAST(NULL, 'Nullable(Bool)')";

function asNumber(sql: string): PropertySql {
  return {
    text: `toNullable(toString(${sql}))`,
    number: `toNullable(toFloat64(${sql}))`,
    boolean: noBoolean,
    isSet: "1",
  };
}

function asText(sql: string): PropertySql {
  return { text: `nullIf(${sql}, '')`, number: noNumber, boolean: noBoolean, isSet: `${sql} != ''` };
}

/** Columns of the rows; those of events are read only when one of them is asked for. */
const ownProperties: Readonly<Record<SessionProperty, PropertySql>> = {
  $session_duration: asNumber("session_ms / 1000"),
  $session_events: asNumber("session_events"),
  $session_entry_event: asText("session_entry_event"),
  $session_exit_event: asText("session_exit_event"),
  $session_entry_url: asText("session_entry_url"),
  $session_exit_url: asText("session_exit_url"),
};

/** Expressions over `events` that are gathered of each event of a session, by a name for each. */
const nameOfEvent = ["name", "toString(event)"] as const;
const urlOfEvent = ["url", "toString(page_url)"] as const;

type Place = (name: string) => number;

/** How the columns of single properties are made of a session's events `s`; `at` says where what is gathered lies. */
const columnsOf: Partial<
  Record<
    SessionProperty,
    {
      readonly column: string;
      readonly gathered: readonly [string, string];
      readonly sql: (at: Place) => string;
    }
  >
> = {
  $session_entry_event: {
    column: "session_entry_event",
    gathered: nameOfEvent,
    sql: (at) => `s[1].${at("name")}`,
  },
  $session_exit_event: {
    column: "session_exit_event",
    gathered: nameOfEvent,
    sql: (at) => `s[-1].${at("name")}`,
  },
  $session_entry_url: {
    ...{ column: "session_entry_url", gathered: urlOfEvent },
    sql: (at) => `arrayFirst(each -> each.${at("url")} != '', s).${at("url")}`,
  },
  $session_exit_url: {
    ...{ column: "session_exit_url", gathered: urlOfEvent },
    sql: (at) => `arrayLast(each -> each.${at("url")} != '', s).${at("url")}`,
  },
};

/** The columns of a property of a session's first event, beside its own name. */
const partsOfProperty = ["text", "number", "boolean", "isSet"] as const satisfies (keyof PropertySql)[];

/** The sessions of one series; asked for its properties first, then for its rows. */
export class SessionRows {
  readonly #event: SessionEvent;
  readonly #context: SqlContext;
  /** By name: what is gathered of each event after its instant and its id. */
  readonly #gathered = new Map<string, string>();
  /** By column of the rows. */
  readonly #columns = new Map<string, (at: Place) => string>();

  constructor(event: SessionEvent, context: SqlContext) {
    this.#event = event;
    this.#context = context;
  }

  /** A property in expressions over the rows. */
  readonly propertyOf = (name: string): PropertySql => {
    if (!isSessionProperty(name)) return this.#ofFirstEvent(name);
    const made = columnsOf[name];
    if (made !== undefined) {
      this.#gathered.set(...made.gathered);
      this.#columns.set(made.column, made.sql);
    }
    return ownProperties[name];
  };

  #ofFirstEvent(name: string): PropertySql {
    const ofEvent = propertySql(name);
    const columns = partsOfProperty.map((part): [keyof PropertySql, string] => {
      const known = [...this.#gathered].find(([, sql]) => sql === ofEvent[part])?.[0];
      const column = known ?? `first_${this.#gathered.size}`;
      this.#gathered.set(column, ofEvent[part]);
      this.#columns.set(column, (at) => `s[1].${at(column)}`);
      return [part, column];
    });
    return Object.fromEntries(columns) as unknown as PropertySql;
  }

  /** `FROM … WHERE` with columns timestamp, user_number (of the person) and those of the properties asked for. */
  from(range: Range, conditions: readonly string[]): string {
    const { parameters, people } = this.#context;
    const idleMs = people.sessionIdleMs ?? sessionIdleMsDefault;
    const gathered = [...this.#gathered];
    const table = gathered.length === 0 ? "steps" : "events";
    const around = eventsAround(this.#event, range, idleMs);
    // Events of one instant are in the order of their ids, so that the first one is the same each time.
    const items = ["toUnixTimestamp64Milli(timestamp)", ...(table === "events" ? ["event_id"] : [])];
    const at: Place = (name) => items.length + 1 + gathered.findIndex(([each]) => each === name);
    const tuple = `tuple(${[...items, ...gathered.map(([, sql]) => sql)].join(", ")})`;
    const idle = parameters.bind("Int64", idleMs);
    const isStart = this.#event === "$session_start";
    const kept = isStart
      ? `arrayFilter(each -> each.1 <= whole[1].1 + ${sessionMsMax}, whole)`
      : `arrayFilter(each -> each.1 >= whole[-1].1 - ${sessionMsMax}, whole)`;
    const columns = [...this.#columns].map(([column, sql]) => `${sql(at)} AS ${column}`);
    const from = parameters.bind("Int64", range.fromMs);
    const last = parameters.bind("Int64", range.endMs - 1);
    return [
      "FROM (",
      `SELECT ${[
        "person AS user_number",
        `fromUnixTimestamp64Milli(s[${isStart ? 1 : -1}].1, 'UTC') AS timestamp`,
        "s[-1].1 - s[1].1 AS session_ms",
        "length(s) AS session_events",
        ...columns,
      ].join(", ")}`,
      `FROM (SELECT person, ${kept} AS s`,
      `FROM (SELECT ${personSql(people)} AS person, arraySort(groupArray(${tuple})) AS done`,
      fromTable(table, [rangeSql(table, around, parameters)]),
      "GROUP BY person)",
      // One array for each stretch without a pause.
      `ARRAY JOIN arraySplit((each, pause) -> pause > ${idle}, done, arrayDifference(done.1)) AS whole`,
      `WHERE whole[${isStart ? 1 : -1}].1 BETWEEN ${from} AND ${last})`,
      ")",
      ...(conditions.length === 0 ? [] : [`WHERE ${conditions.map((each) => `(${each})`).join(" AND ")}`]),
    ].join("\n");
  }
}

function isSessionProperty(name: string): name is SessionProperty {
  return Object.hasOwn(ownProperties, name);
}
