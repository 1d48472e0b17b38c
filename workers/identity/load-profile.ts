// Everything that is known of one person: ids from the relational store, the rest from the analytics store.
import type { ClickHouse } from "#ops/runtime/clickhouse.ts";
import type { Postgres } from "#ops/runtime/postgres.ts";
import { MillraceError } from "#schemas/errors.ts";
import { userLimits, type Profile } from "#schemas/users/user.ts";
import { findMainKey, idsOfKeys, keysOfPerson, personOfNumber } from "./find-person.ts";

interface Stores {
  readonly postgres: Postgres;
  readonly clickhouse: ClickHouse;
}

const queryMsMax = 10_000;

/** The numbers of the person's ids; in a cluster the list is made once, of all servers' rows. */
const ofPerson = `user_number GLOBAL IN (
  SELECT user_number FROM persons FINAL WHERE project_id = {project:UInt32} AND person_number = {person:UInt32}
  UNION ALL SELECT {person:UInt32})`;

/** The same within `steps`, whose key begins with event and bucket. */
const stepsOfPerson = `bucket GLOBAL IN (
  SELECT toUInt8(user_number % 16) FROM persons FINAL
  WHERE project_id = {project:UInt32} AND person_number = {person:UInt32}
  UNION ALL SELECT toUInt8({person:UInt32} % 16)) AND ${ofPerson}`;

export async function loadProfile(stores: Stores, projectId: number, id: string): Promise<Profile> {
  const main = await findMainKey(stores.postgres, projectId, id);
  if (main === undefined) throw new MillraceError("USER_NOT_FOUND");
  const person = await personOfNumber(stores.postgres, projectId, main.number);
  const [keys, properties, activity, lastEvents] = await Promise.all([
    keysOfPerson(stores.postgres, projectId, person),
    loadProperties(stores.clickhouse, projectId, person),
    loadActivity(stores.clickhouse, projectId, person),
    loadLastEvents(stores.clickhouse, projectId, person),
  ]);
  const shown = idsOfKeys(keys);
  const withPrefix = (prefix: string): string[] =>
    keys
      .filter(({ key, seen }) => seen && key.startsWith(prefix))
      .map(({ key }) => key.slice(2))
      .slice(0, userLimits.idsShownMax);
  return {
    ...shown,
    aliases: shown.ids.slice(1),
    user_ids: withPrefix("u:"),
    anonymous_ids: withPrefix("a:"),
    properties,
    ...activity,
    last_events: lastEvents,
  };
}

async function query<T>(
  clickhouse: ClickHouse,
  sql: string,
  parameters: Record<string, unknown>,
): Promise<T[]> {
  const result = await clickhouse.query({
    query: sql,
    query_params: parameters,
    format: "JSONEachRow",
    clickhouse_settings: {
      max_execution_time: queryMsMax / 1000,
      output_format_json_quote_64bit_integers: 0,
      json_type_escape_dots_in_keys: 1,
    },
  });
  return result.json<T>();
}

/** As in filters on users: the latest `$set` of all ids counts, otherwise the earliest `$set_once`. */
async function loadProperties(
  clickhouse: ClickHouse,
  project: number,
  person: number,
): Promise<Record<string, unknown>> {
  const rows = await query<{ property: string; current: string }>(
    clickhouse,
    `SELECT property, argMax(value, (once = 0, version, value)) AS current FROM user_properties FINAL
     WHERE project_id = {project:UInt32} AND ${ofPerson}
     GROUP BY property HAVING current != '' ORDER BY property LIMIT {limit:UInt32}`,
    { project, person, limit: userLimits.propertiesShownMax },
  );
  return Object.fromEntries(rows.map(({ property, current }) => [property, JSON.parse(current) as unknown]));
}

async function loadActivity(
  clickhouse: ClickHouse,
  project: number,
  person: number,
): Promise<Pick<Profile, "first_seen" | "last_seen" | "event_count">> {
  const [row] = await query<{ events: number; first: number; last: number }>(
    clickhouse,
    `SELECT count() AS events, toUnixTimestamp64Milli(min(timestamp)) AS first,
            toUnixTimestamp64Milli(max(timestamp)) AS last
     FROM steps WHERE project_id = {project:UInt32} AND ${stepsOfPerson}`,
    { project, person },
  );
  if (row === undefined || row.events === 0) return { first_seen: null, last_seen: null, event_count: 0 };
  return {
    first_seen: new Date(row.first).toISOString(),
    last_seen: new Date(row.last).toISOString(),
    event_count: row.events,
  };
}

interface LastEvent {
  event: string;
  event_id: string;
  at: number;
  user_id: string;
  anonymous_id: string;
  session_id: string;
  properties: Record<string, unknown>;
}

/** The latest steps say which few rows of `events` to read: those of these names and times. */
async function loadLastEvents(
  clickhouse: ClickHouse,
  project: number,
  person: number,
): Promise<Profile["last_events"]> {
  const rows = await query<LastEvent>(
    clickhouse,
    `SELECT event, event_id, toUnixTimestamp64Milli(timestamp) AS at, user_id, anonymous_id, session_id, properties
     FROM events
     WHERE project_id = {project:UInt32} AND (event, timestamp) GLOBAL IN (
         SELECT event, timestamp FROM steps WHERE project_id = {project:UInt32} AND ${stepsOfPerson}
         ORDER BY timestamp DESC LIMIT {limit:UInt32})
       AND ${ofPerson}
     ORDER BY timestamp DESC, event_id LIMIT {limit:UInt32}`,
    { project, person, limit: userLimits.lastEventsMax },
  );
  return rows.map((row) => ({
    event: row.event,
    event_id: row.event_id,
    timestamp: new Date(row.at).toISOString(),
    user_id: row.user_id === "" ? null : row.user_id,
    anonymous_id: row.anonymous_id === "" ? null : row.anonymous_id,
    session_id: row.session_id,
    properties: row.properties,
  }));
}
