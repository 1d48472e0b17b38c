// The table that the same questions are asked of in plain SQL: one row an event with the user's id as text, sorted by
// event and time, the properties that are asked for as columns of their own. It is kept: filling it takes longer
// than all questions.
import type { ClickHouse } from "#ops/runtime/clickhouse.ts";
import { userIdPrefix } from "../generate/plan.ts";
import type { DataSet } from "./data-set.ts";

export const peerEvents = "peer_events";
export const peerUsers = "peer_users";

const insertSettings = {
  async_insert: 0,
  insert_deduplicate: 0,
  // Half of the machine is left to the installation.
  max_threads: 1,
  max_insert_threads: "1",
  max_partitions_per_insert_block: "0",
} as const;

/** Answers what was done, in a few words. */
export async function makePeerTable(clickhouse: ClickHouse, data: DataSet): Promise<string> {
  await clickhouse.command({
    query: `CREATE TABLE IF NOT EXISTS ${peerEvents} (project_id UInt32, event LowCardinality(String),
      timestamp DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)), user_id String CODEC(ZSTD(1)),
      country LowCardinality(String), revenue Nullable(Float64) CODEC(ZSTD(1)))
      ENGINE = MergeTree PARTITION BY toYYYYMM(timestamp) ORDER BY (project_id, event, timestamp)`,
  });
  await clickhouse.command({
    query: `CREATE TABLE IF NOT EXISTS ${peerUsers} (project_id UInt32, user_id String, tier LowCardinality(String))
      ENGINE = MergeTree ORDER BY (project_id, user_id)`,
  });
  const found = await countRows(clickhouse, data);
  if (found === data.events) return `the plain table is there`;
  if (found > 0) throw new Error(`${peerEvents} has ${found} rows of ${data.events}: drop it and try again`);
  const range = `project_id = ${data.projectId} AND timestamp >= fromUnixTimestamp64Milli(${data.fromMs}) AND timestamp < fromUnixTimestamp64Milli(${data.endMs})`;
  const id = `concat('${userIdPrefix}', toString(user_number))`;
  const startedMs = performance.now();
  const source = data.hasRows
    ? `project_id, event, timestamp, user_id, ifNull(properties.country::Nullable(String), ''), properties.revenue::Nullable(Float64) FROM events`
    : `project_id, event, timestamp, ${id}, '', NULL FROM steps`;
  await insert(clickhouse, `INSERT INTO ${peerEvents} SELECT ${source} WHERE ${range}`);
  await insert(
    clickhouse,
    `INSERT INTO ${peerUsers} SELECT project_id, ${id}, ifNull(text, '') FROM user_properties FINAL WHERE project_id = ${data.projectId} AND property = 'tier' AND once = 0`,
  );
  const seconds = Math.round((performance.now() - startedMs) / 1000);
  return `the plain table was filled in ${seconds} s`;
}

function insert(clickhouse: ClickHouse, query: string): Promise<unknown> {
  return clickhouse.command({ query, clickhouse_settings: insertSettings });
}

async function countRows(clickhouse: ClickHouse, data: DataSet): Promise<number> {
  const result = await clickhouse.query({
    query: `SELECT count() FROM ${peerEvents} WHERE project_id = {project:UInt32}`,
    query_params: { project: data.projectId },
    format: "JSONCompactEachRow",
  });
  const [row] = await result.json<[string]>();
  return Number(row?.[0] ?? 0);
}

export type Row = readonly (string | number | null)[];

/** One question in plain SQL: its rows and how long they took. */
export async function askPeer(
  clickhouse: ClickHouse,
  query: string,
): Promise<{ rows: readonly Row[]; tookMs: number }> {
  const startedMs = performance.now();
  const result = await clickhouse.query({
    query,
    format: "JSONCompactEachRow",
    clickhouse_settings: {
      output_format_json_quote_64bit_integers: 0,
      // Lists of everybody's events would not fit otherwise.
      max_bytes_before_external_group_by: String(1_200_000_000),
    },
  });
  const rows = await result.json<Row>();
  return { rows, tookMs: performance.now() - startedMs };
}
