// What the events of a run cost on disk, by table.
import type { ClickHouse } from "#ops/runtime/clickhouse.ts";

export interface TableSize {
  readonly table: string;
  readonly rows: number;
  readonly bytes: number;
  readonly parts: number;
}

const tables = [
  ...["events", "steps", "rollup_minute", "rollup_hour", "rollup_day", "rollup_hour_any", "rollup_day_any"],
  "user_properties",
];

export async function measureDisk(clickhouse: ClickHouse): Promise<TableSize[]> {
  const result = await clickhouse.query({
    query: `SELECT table, sum(rows) AS rows, sum(bytes_on_disk) AS bytes, count() AS parts FROM system.parts
      WHERE active AND database = currentDatabase() AND table IN ({tables:Array(String)})
      GROUP BY table ORDER BY bytes DESC`,
    query_params: { tables },
    format: "JSONEachRow",
  });
  const rows = await result.json<{ table: string; rows: string; bytes: string; parts: string }>();
  return rows.map((row) => ({
    table: row.table,
    rows: Number(row.rows),
    bytes: Number(row.bytes),
    parts: Number(row.parts),
  }));
}

/** A table with the columns of `events` and nothing behind it: what the views cost is the difference. */
export async function withBareTable(
  clickhouse: ClickHouse,
  work: (table: string) => Promise<void>,
): Promise<void> {
  const table = `generated_bare_${process.pid}`;
  await clickhouse.command({ query: `CREATE TABLE ${table} AS events` });
  try {
    await work(table);
  } finally {
    await clickhouse.command({ query: `DROP TABLE IF EXISTS ${table} SYNC` });
  }
}
