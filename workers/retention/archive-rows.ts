// Rows of `events` as a file of an archive and back, as SQL: which columns, in which form, and a hash over all of them
// that is the same in any order. The properties travel as JSON text.

/** A partition of the tables of raw rows. */
export interface RawPartition {
  readonly retentionClass: number;
  readonly month: number;
}

const plainColumns = {
  event: "String",
  timestamp: "DateTime64(3, 'UTC')",
  user_number: "UInt32",
  event_id: "String",
  user_id: "String",
  anonymous_id: "String",
  session_id: "String",
  context: "String",
  page_url: "String",
  referrer_domain: "String",
  utm_source: "String",
  utm_medium: "String",
  utm_campaign: "String",
  browser: "String",
  os: "String",
  device: "String",
  is_bot: "UInt8",
  received_at: "DateTime64(3, 'UTC')",
  stored_at: "DateTime64(3, 'UTC')",
  log_partition: "UInt16",
  log_sequence: "UInt64",
} as const;

const names = Object.keys(plainColumns);

/** Of the file. */
export const archiveColumns: readonly string[] = [...names, "properties"];

/** Settings of whatever prints or reads properties: keys keep their dots, values their types. */
export const rowSettings = {
  json_type_escape_dots_in_keys: 1,
  type_json_skip_duplicated_paths: 1,
  output_format_json_quote_64bit_integers: 0,
  input_format_try_infer_dates: 0,
  input_format_try_infer_datetimes: 0,
  input_format_json_read_bools_as_numbers: 0,
  input_format_json_read_bools_as_strings: 0,
  input_format_json_read_numbers_as_strings: 0,
  input_format_json_read_arrays_as_strings: 0,
  input_format_json_read_objects_as_strings: 0,
} as const;

/** Rows of one project in one partition, up to the instant at which its removal began. */
export const rowsOfArchive = `project_id = {project:UInt32} AND retention_days = {class:UInt16}
  AND timestamp >= fromUnixTimestamp64Milli({from:Int64}, 'UTC') AND timestamp < fromUnixTimestamp64Milli({end:Int64}, 'UTC')
  AND stored_at <= fromUnixTimestamp64Milli({upto:Int64}, 'UTC')`;

/** Columns: rows, hash as text, first and last timestamp in milliseconds. */
export function summarySql(table: string, condition: string): string {
  const values = names.map((name) =>
    plainColumns[name as keyof typeof plainColumns] === "String" ? `toString(${name})` : name,
  );
  return `SELECT count() AS rows, toString(sum(cityHash64(${[...values, "toJSONString(properties)"].join(", ")}))) AS hash,
      toUnixTimestamp64Milli(min(timestamp)) AS first_ms, toUnixTimestamp64Milli(max(timestamp)) AS last_ms
    FROM ${table} WHERE ${condition}`;
}

export function writeSql(table: "events" | "events_staging", condition: string): string {
  const columns = names.map((name) =>
    plainColumns[name as keyof typeof plainColumns] === "String" ? `toString(${name}) AS ${name}` : name,
  );
  return `SELECT ${[...columns, "toJSONString(properties) AS properties"].join(", ")} FROM ${table} WHERE ${condition} FORMAT Parquet`;
}

/** Fills the staging table from a file that follows as the body; `{without}` are user numbers to leave out. */
export const readSql = `INSERT INTO events_staging (project_id, retention_days, ${names.join(", ")}, properties)
  SELECT {project:UInt32}, {class:UInt16}, ${names.join(", ")}, properties::JSON(max_dynamic_paths = 256)
  FROM input('${[...Object.entries(plainColumns), ["properties", "String"]]
    .map(([name, type]) => `${name} ${type}`)
    .join(", ")
    .replaceAll("'", "\\'")}')
  WHERE NOT has({without:Array(UInt32)}, user_number)
  FORMAT Parquet`;

/** Writes nothing anywhere, and says how many rows of `{numbers}` the file has that follows as the body. */
export const countSql = `INSERT INTO FUNCTION null('user_number UInt32')
  SELECT user_number FROM input('user_number UInt32') WHERE user_number IN {numbers:Array(UInt32)}
  FORMAT Parquet`;

export const fillSteps = `INSERT INTO steps_staging (project_id, event, bucket, user_number, timestamp, retention_days)
  SELECT project_id, event, toUInt8(user_number % 16), user_number, timestamp, retention_days FROM events_staging`;

export const fillSample = `INSERT INTO steps_sample_staging (project_id, event, rank, user_number, timestamp, retention_days)
  SELECT project_id, event, toUInt8(sipHash64(project_id, user_number) % 4096), user_number, timestamp, retention_days
  FROM events_staging WHERE sipHash64(project_id, user_number) % 4096 < 256`;
