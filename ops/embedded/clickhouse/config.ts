// What the embedded ClickHouse server is told: its configuration and its users, as XML text.
// Pure: server.ts writes the two files (0600, because of the hashes and the shards' passwords) and starts host.ts.
import { createHash } from "node:crypto";

/** The database everything lives in, the user that owns it and the user that only reads it. */
export const DATABASE = "millrace";
export const OWNER = "millrace";
export const READER = "millrace_read";

/** Statements that host.ts runs as `default`; the quota below allows exactly this many, once in ten years. */
const START_STATEMENTS = 3;
const TEN_YEARS_SECONDS = 315_360_000;

export const MEMORY_BYTES_DEFAULT = 2 * 1024 ** 3;
/** Below this the server cannot merge and answer at the same time. */
export const MEMORY_BYTES_MIN = 512 * 1024 ** 2;

/** What the owner may create: engines that stay inside the data directory and the cluster. */
const TABLE_ENGINES = [
  ...["", "Replacing", "Summing", "Aggregating", "Collapsing", "VersionedCollapsing"].map(
    (kind) => `${kind}MergeTree`,
  ),
  ...["Memory", "Null", "Set", "Join", "Log", "TinyLog", "StripeLog"],
  ...["Buffer", "Dictionary", "Distributed", "Merge"],
];

export type RemoteShard = { host: string; tcpPort: number; user: string; password: string };
/** Cluster name ▸ its shards, one replica each; credentials stay in the server's own file. */
export type RemoteServers = Record<string, RemoteShard[]>;

export type ServerConfig = {
  usersPath: string;
  logPath: string;
  memoryBytesMax: number;
  remoteServers: RemoteServers;
};

/** Start-up statements of the engine's own session: create the database, listen, then wait for the end of `waitPath`. */
export function buildStartSql(waitPath: string, listenNative: boolean): string {
  return [
    `CREATE DATABASE IF NOT EXISTS ${DATABASE}`,
    listenNative ? "SYSTEM START LISTEN QUERIES ALL" : "SYSTEM START LISTEN HTTP",
    `INSERT INTO FUNCTION null('line String') FROM INFILE '${waitPath}' FORMAT LineAsString`,
  ].join("; ");
}

/** The server's configuration; memory and threads are bounded for a machine that it shares with all other parts. */
export function buildConfigXml(config: ServerConfig): string {
  const { memoryBytesMax } = config;
  return xml("clickhouse", [
    tag("users_config", config.usersPath),
    xml("logger", [
      tag("log", config.logPath),
      tag("size", "10M"),
      tag("count", 1),
      tag("compress", "false"),
      tag("console", "false"),
      // A failed query is told to the client that sent it; here each would cost 2 KB of stack trace.
      xml("levels", ["executeQuery", "DynamicQueryHandler"].map(silence)),
    ]),
    tag("max_server_memory_usage", memoryBytesMax),
    // The cgroup also holds Node, Postgres and the log: counting it would refuse queries for their memory.
    tag("memory_worker_use_cgroup", "false"),
    tag("mark_cache_size", share(memoryBytesMax, 0.08)),
    tag("index_mark_cache_size", share(memoryBytesMax, 0.01)),
    tag("primary_index_cache_size", share(memoryBytesMax, 0.08)),
    tag("uncompressed_cache_size", 0),
    tag("query_condition_cache_size", share(memoryBytesMax, 0.01)),
    tag("compiled_expression_cache_size", share(memoryBytesMax, 0.02)),
    xml("query_cache", [tag("max_size_in_bytes", share(memoryBytesMax, 0.02))]),
    tag("max_concurrent_queries", 64),
    tag("max_connections", 512),
    // Seconds. A stop waits for idle connections, up to 5 s; @clickhouse/client itself drops them after 2.5 s.
    tag("keep_alive_timeout", 3),
    tag("max_thread_pool_size", 1000),
    tag("background_pool_size", 4),
    tag("background_merges_mutations_concurrency_ratio", 2),
    tag("background_common_pool_size", 4),
    tag("background_schedule_pool_size", 16),
    tag("max_temporary_data_on_disk_size", 20 * 1024 ** 3),
    xml("merge_tree", [
      // Must fit the pool of 4 × 2 above, or no table can be created.
      tag("number_of_free_entries_in_pool_to_execute_mutation", 2),
      tag("number_of_free_entries_in_pool_to_lower_max_size_of_merge", 2),
      tag("number_of_free_entries_in_pool_to_execute_optimize_entire_partition", 2),
    ]),
    // No query_log, part_log or metric_log section: those tables do not exist then, and cannot fill a disk.
    xml(
      "remote_servers",
      Object.entries(config.remoteServers).map(([name, shards]) => cluster(name, shards)),
    ),
  ]);
}

/**
 * The server's users; `owner` and `reader` are their passwords.
 *
 * The engine's start-up session logs in as `default` without a password and from loopback, so that user must exist.
 * It is closed three times over: by its session limit of one, which the start-up session itself holds for as long as
 * the server lives; by a quota of exactly the start-up statements; and by grants that name no data. (The quota alone
 * would not do: the engine does not count what reads no table, like `SELECT 1`.)
 */
export function buildUsersXml(users: { owner: string; reader: string; memoryBytesMax: number }): string {
  const memoryBytesPerQuery = share(users.memoryBytesMax, 0.6);
  return xml("clickhouse", [
    xml("profiles", [
      xml("default", engineSettings),
      xml("start", [
        ...engineSettings,
        tag("max_sessions_for_user", 1),
        tag("max_memory_usage", 64 * 1024 ** 2),
      ]),
      xml("owner", [
        ...engineSettings,
        // Retries are safe only when the source and every dependent view see the same block under the same token.
        tag("deduplicate_blocks_in_dependent_materialized_views", 1),
        tag("max_partitions_per_insert_block", 0),
        // Through a Distributed table too, an answered insert is a stored one.
        tag("distributed_foreground_insert", 1),
        tag("max_memory_usage", memoryBytesPerQuery),
      ]),
      xml("reader", [
        ...engineSettings,
        // Both together, or a query whose client has gone runs on (measured: stops within 0.1 s with them).
        tag("readonly", 2),
        tag("cancel_http_readonly_queries_on_client_close", 1),
        tag("max_memory_usage", memoryBytesPerQuery),
        tag("max_bytes_before_external_group_by", share(memoryBytesPerQuery, 0.5)),
        tag("max_bytes_before_external_sort", share(memoryBytesPerQuery, 0.5)),
        tag("max_execution_time", 300),
        xml("constraints", [
          xml("max_memory_usage", [tag("min", 1), tag("max", memoryBytesPerQuery)]),
          xml("max_execution_time", [tag("min", 1), tag("max", 86_400)]),
        ]),
      ]),
    ]),
    xml("quotas", [
      "<unlimited/>",
      xml("start", [xml("interval", [tag("duration", TEN_YEARS_SECONDS), tag("queries", START_STATEMENTS)])]),
    ]),
    xml("users", [
      user("default", tag("password", ""), "start", "start", [
        `GRANT CREATE DATABASE ON ${DATABASE}.*`,
        "GRANT SYSTEM LISTEN, CREATE TEMPORARY TABLE ON *.*",
        "GRANT READ ON FILE",
        "GRANT INSERT ON _table_function.*",
      ]),
      // No READ or WRITE on FILE, URL, S3, and no such table: the engine would reach every file this process can.
      user(OWNER, sha256Tag(users.owner), "owner", "unlimited", [
        `GRANT ALL ON ${DATABASE}.*`,
        "GRANT SELECT, SHOW ON system.*",
        ...TABLE_ENGINES.map((engine) => `GRANT TABLE ENGINE ON ${engine}`),
        "GRANT CREATE TEMPORARY TABLE, KILL QUERY, SYSTEM, REMOTE, CLUSTER ON *.*",
      ]),
      user(READER, sha256Tag(users.reader), "reader", "unlimited", [
        `GRANT SELECT, SHOW, dictGet ON ${DATABASE}.*`,
        "GRANT CREATE TEMPORARY TABLE, REMOTE ON *.*",
      ]),
    ]),
  ]);
}

/** What clickhouse-local switches differently from a server, switched back, and async inserts off: tokens need it. */
const engineSettings = [
  tag("async_insert", 0),
  tag("implicit_select", 0),
  tag("allow_introspection_functions", 0),
];

function user(name: string, password: string, profile: string, quota: string, grants: string[]): string {
  return xml(name, [
    password,
    xml("networks", [tag("ip", "127.0.0.1"), tag("ip", "::1")]),
    tag("profile", profile),
    tag("quota", quota),
    tag("default_database", name === "default" ? "default" : DATABASE),
    xml(
      "grants",
      grants.map((grant) => tag("query", grant)),
    ),
  ]);
}

function cluster(name: string, shards: RemoteShard[]): string {
  return xml(
    name,
    shards.map((shard) =>
      xml("shard", [
        tag("internal_replication", "true"),
        xml("replica", [
          tag("host", shard.host),
          tag("port", shard.tcpPort),
          tag("user", shard.user),
          tag("password", shard.password),
        ]),
      ]),
    ),
  );
}

function silence(logger: string): string {
  return xml("logger", [tag("name", logger), tag("level", "none")]);
}

function sha256Tag(password: string): string {
  return tag("password_sha256_hex", createHash("sha256").update(password).digest("hex"));
}

function share(bytes: number, ratio: number): number {
  return Math.floor(bytes * ratio);
}

function tag(name: string, value: string | number): string {
  return `<${name}>${escapeXml(String(value))}</${name}>`;
}

function xml(name: string, children: string[]): string {
  return `<${name}>\n${children.join("\n")}\n</${name}>`;
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
