// What is done to the tables of raw rows: looking which partitions there are, dropping, bringing back. In a cluster the
// same on every shard.
import { Readable } from "node:stream";
import type { ClickHouse } from "#ops/runtime/clickhouse.ts";
import { onClusterSql, renderForCluster } from "#schemas/clickhouse/render-for-cluster.ts";
import { partitionId, rangeOfMonth, restoredClassMin } from "#schemas/retention/month.ts";
import { mutate } from "../erasure/mutate.ts";
import { countSql, readSql, rowSettings, summarySql, writeSql, type RawPartition } from "./archive-rows.ts";

/** `events` last: the others are made of it. */
export const rawTables = ["steps_sample", "steps", "events"] as const;

const insertSettings = {
  async_insert: 0,
  distributed_foreground_insert: 1,
  max_partitions_per_insert_block: "0",
  max_insert_threads: "1",
  max_threads: 1,
  ...rowSettings,
} as const;
const partitionSecondsMax = 300;

export interface RowSummary {
  readonly rows: number;
  readonly hash: string;
  readonly firstMs: number;
  readonly lastMs: number;
}

export interface RawStoreOptions {
  /** With a time limit that is long enough for the largest file. */
  readonly clickhouse: ClickHouse;
  readonly clickhouseCluster: string | undefined;
}

export class RawStore {
  readonly clickhouse: ClickHouse;
  readonly clickhouseCluster: string | undefined;

  constructor(options: RawStoreOptions) {
    this.clickhouse = options.clickhouse;
    this.clickhouseCluster = options.clickhouseCluster;
  }

  /** Those with rows that came through the log. */
  async partitions(signal: AbortSignal): Promise<RawPartition[]> {
    const cluster = this.clickhouseCluster;
    const parts = cluster === undefined ? "system.parts" : `clusterAllReplicas('${cluster}', system.parts)`;
    const rows = await this.#rows<{ class: number; month: number }>(
      `SELECT DISTINCT toUInt32(splitByChar('-', partition_id)[1]) AS class, toUInt32(splitByChar('-', partition_id)[2]) AS month
       FROM ${parts} WHERE active AND rows > 0 AND database = currentDatabase() AND table = {table:String}
       ORDER BY month, class`,
      { table: cluster === undefined ? "events" : "events_local" },
      signal,
    );
    return rows
      .filter((row) => row.class < restoredClassMin)
      .map((row) => ({ retentionClass: row.class, month: row.month }));
  }

  /** Which of the projects have rows in the partition. */
  async projectsIn(
    partition: RawPartition,
    among: readonly number[],
    signal: AbortSignal,
  ): Promise<number[]> {
    const rows = await this.#rows<{ project: number }>(
      `SELECT DISTINCT project_id AS project FROM events
       WHERE ${inPartition} AND project_id IN {among:Array(UInt32)} ORDER BY project`,
      { ...parametersOf(partition), among },
      signal,
    );
    return rows.map(({ project }) => project);
  }

  /** How many rows of the removal are there, by project. */
  async rowsUpTo(
    partition: RawPartition,
    removal: { readonly projects: readonly number[]; readonly uptoMs: number },
    signal: AbortSignal,
  ): Promise<Map<number, number>> {
    const rows = await this.#rows<{ project: number; there: number }>(
      `SELECT project_id AS project, count() AS there FROM events
       WHERE ${inPartition} AND project_id IN {projects:Array(UInt32)}
         AND stored_at <= fromUnixTimestamp64Milli({upto:Int64}, 'UTC')
       GROUP BY project`,
      { ...parametersOf(partition), projects: removal.projects, upto: removal.uptoMs },
      signal,
    );
    return new Map(rows.map(({ project, there }) => [project, there]));
  }

  /** How many rows of other projects, or stored later, share the partition. */
  async others(
    partition: RawPartition,
    removal: { readonly projects: readonly number[]; readonly uptoMs: number },
    signal: AbortSignal,
  ): Promise<number> {
    const rows = await this.#rows<{ others: number }>(
      `SELECT count() AS others FROM events
       WHERE ${inPartition} AND (project_id NOT IN {projects:Array(UInt32)}
         OR stored_at > fromUnixTimestamp64Milli({upto:Int64}, 'UTC'))`,
      { ...parametersOf(partition), projects: removal.projects, upto: removal.uptoMs },
      signal,
    );
    return rows[0]?.others ?? 0;
  }

  async nowMs(signal: AbortSignal): Promise<number> {
    const rows = await this.#rows<{ now: number }>(
      "SELECT toUnixTimestamp64Milli(now64(3)) AS now",
      {},
      signal,
    );
    return (rows[0] as { now: number }).now;
  }

  async summarize(
    table: "events" | "events_staging",
    condition: string,
    parameters: Readonly<Record<string, unknown>>,
    signal: AbortSignal,
  ): Promise<RowSummary> {
    const rows = await this.#rows<{ rows: number; hash: string; first_ms: number; last_ms: number }>(
      summarySql(table, condition),
      parameters,
      signal,
    );
    const { rows: count, hash, first_ms: firstMs, last_ms: lastMs } = rows[0] as (typeof rows)[number];
    return { rows: count, hash, firstMs, lastMs };
  }

  /** The rows as a Parquet file, in pieces. */
  async write(
    table: "events" | "events_staging",
    condition: string,
    parameters: Readonly<Record<string, unknown>>,
    signal: AbortSignal,
  ): Promise<AsyncIterable<Uint8Array>> {
    const { stream } = await this.clickhouse.exec({
      query: writeSql(table, condition),
      query_params: { ...parameters },
      clickhouse_settings: {
        ...rowSettings,
        max_threads: 1,
        max_block_size: "8192",
        output_format_parquet_row_group_size: "20000",
        output_format_parquet_string_as_string: 1,
        prefer_column_name_to_alias: 1,
      } as never,
      abort_signal: signal,
    });
    return stream;
  }

  /** A file's rows into the staging table. */
  async stage(
    file: AsyncIterable<Uint8Array>,
    options: {
      readonly projectId: number;
      readonly retentionClass: number;
      readonly without?: readonly number[];
    },
    signal: AbortSignal,
  ): Promise<void> {
    const result = await this.clickhouse.exec({
      query: readSql,
      query_params: {
        project: options.projectId,
        class: options.retentionClass,
        without: options.without ?? [],
      },
      values: Readable.from(file, { objectMode: false }),
      clickhouse_settings: { ...insertSettings },
      abort_signal: signal,
    });
    result.stream.resume();
  }

  /** How many rows of these users a file has: one column of it is read. */
  async countOf(
    file: AsyncIterable<Uint8Array>,
    numbers: readonly number[],
    signal: AbortSignal,
  ): Promise<number> {
    const { stream, summary } = await this.clickhouse.exec({
      query: countSql,
      query_params: { numbers },
      values: Readable.from(file, { objectMode: false }),
      // What was written is known at the end only.
      clickhouse_settings: { wait_end_of_query: 1 },
      abort_signal: signal,
    });
    stream.resume();
    if (summary === undefined) throw new Error("the store did not say how many rows it has read");
    return Number(summary.written_rows);
  }

  /** An insert from one staging table into another. */
  async fill(sql: string, signal: AbortSignal): Promise<void> {
    await this.clickhouse.command({
      query: sql,
      clickhouse_settings: { ...insertSettings },
      abort_signal: signal,
    });
  }

  async emptyStaging(signal: AbortSignal): Promise<void> {
    for (const table of rawTables) await this.#everywhere(`TRUNCATE TABLE ${table}_staging`, signal);
  }

  /** Doing it again is the same as once. */
  async dropPartition(
    table: (typeof rawTables)[number],
    partition: RawPartition,
    signal: AbortSignal,
  ): Promise<void> {
    const id = partitionId(partition.retentionClass, partition.month);
    await this.#everywhere(`ALTER TABLE ${table} DROP PARTITION ID '${id}'`, signal);
  }

  /**
   * Puts what is staged in the place of the partition: again is the same as once. Not by REPLACE PARTITION, which
   * refuses to put nothing there, and a table or a shard may have nothing to put (few people, none of the sample).
   */
  async replacePartition(
    table: (typeof rawTables)[number],
    partition: RawPartition,
    signal: AbortSignal,
  ): Promise<void> {
    const id = partitionId(partition.retentionClass, partition.month);
    await this.dropPartition(table, partition, signal);
    const cluster = this.clickhouseCluster;
    const query =
      cluster === undefined
        ? `ALTER TABLE ${table} ATTACH PARTITION ID '${id}' FROM ${table}_staging`
        : `ALTER TABLE ${table}_local ${onClusterSql(cluster)} ATTACH PARTITION ID '${id}' FROM ${table}_staging_local`;
    await this.#run(query, signal);
  }

  /** For a partition that others have a part in: begun here, and waited for. */
  async deleteRows(
    partition: RawPartition,
    removal: { readonly projects: readonly number[]; readonly uptoMs: number },
    signal: AbortSignal,
  ): Promise<void> {
    const id = partitionId(partition.retentionClass, partition.month);
    const ofProjects = `DELETE IN PARTITION ID '${id}' WHERE project_id IN {projects:Array(UInt32)}`;
    const changes = rawTables.map((table) => ({
      table,
      // Rows of `steps` do not say when they were stored; nobody may ask for those of the month any more.
      change:
        table === "events"
          ? `${ofProjects} AND stored_at <= fromUnixTimestamp64Milli({upto:Int64}, 'UTC')`
          : ofProjects,
    }));
    await mutate(this, changes, { projects: removal.projects, upto: removal.uptoMs }, signal);
  }

  /** Ids of rows that are about to go and came so lately that they may be repeated. */
  async rememberIds(
    partition: RawPartition,
    removal: { readonly projects: readonly number[]; readonly uptoMs: number },
    receivedAfterMs: number,
    signal: AbortSignal,
  ): Promise<void> {
    await this.clickhouse.command({
      query: `INSERT INTO removed_event_ids (project_id, event_id, log_partition, log_sequence, received_at)
        SELECT project_id, event_id, log_partition, log_sequence, received_at FROM events
        WHERE ${inPartition} AND project_id IN {projects:Array(UInt32)}
          AND stored_at <= fromUnixTimestamp64Milli({upto:Int64}, 'UTC')
          AND received_at >= fromUnixTimestamp64Milli({after:Int64}, 'UTC')`,
      query_params: {
        ...parametersOf(partition),
        projects: removal.projects,
        upto: removal.uptoMs,
        after: receivedAfterMs,
      },
      clickhouse_settings: { ...insertSettings },
      abort_signal: signal,
    });
  }

  async #rows<Row>(
    query: string,
    parameters: Readonly<Record<string, unknown>>,
    signal: AbortSignal,
  ): Promise<Row[]> {
    const result = await this.clickhouse.query({
      query,
      query_params: { ...parameters },
      use_multipart_params_auto: true,
      format: "JSONEachRow",
      clickhouse_settings: { ...rowSettings, prefer_column_name_to_alias: 1 } as never,
      abort_signal: signal,
    });
    return result.json<Row>();
  }

  async #everywhere(statement: string, signal: AbortSignal): Promise<void> {
    const cluster = this.clickhouseCluster;
    for (const query of cluster === undefined ? [statement] : renderForCluster(statement, cluster)) {
      await this.#run(query, signal);
    }
  }

  async #run(query: string, signal: AbortSignal): Promise<void> {
    await this.clickhouse.command({
      query,
      clickhouse_settings: {
        max_execution_time: partitionSecondsMax,
        // Sizes that a server guards against dropping by mistake.
        max_partition_size_to_drop: "0",
        max_table_size_to_drop: "0",
      } as never,
      abort_signal: signal,
    });
  }
}

/** By what the partitions are made of, so that the store opens no other. */
const inPartition = `retention_days = {class:UInt16}
  AND timestamp >= fromUnixTimestamp64Milli({from:Int64}, 'UTC') AND timestamp < fromUnixTimestamp64Milli({end:Int64}, 'UTC')`;

export function parametersOf({ retentionClass, month }: RawPartition): Record<string, unknown> {
  const { fromMs, endMs } = rangeOfMonth(month);
  return { class: retentionClass, from: fromMs, end: endMs };
}
