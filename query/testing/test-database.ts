// For integration tests: a ClickHouse database of their own with the tables of the migrations.
import { randomUUID } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createClickHouse, type ClickHouse } from "#ops/runtime/clickhouse.ts";
import { splitStatements } from "#ops/runtime/migrate.ts";

const directory = fileURLToPath(new URL("../../schemas/migrations/clickhouse", import.meta.url));

export interface TestDatabase {
  readonly clickhouse: ClickHouse;
  readonly url: string;
  insertEvents(rows: readonly object[]): Promise<void>;
  drop(): Promise<void>;
}

/** As the store reads times in JSON, before 1970 too. */
export function storeTime(epochMs: number): string {
  return new Date(epochMs).toISOString().slice(0, -1).replace("T", " ");
}

export async function createTestDatabase(serverUrl: string): Promise<TestDatabase> {
  const database = `query_${randomUUID().replaceAll("-", "")}`;
  const url = new URL(serverUrl);
  const server = createClickHouse(url.href, { name: "test" });
  await server.command({ query: `CREATE DATABASE ${database}` });
  await server.close();
  url.pathname = `/${database}`;
  const clickhouse = createClickHouse(url.href, { name: "test" });
  for (const file of (await readdir(directory)).sort()) {
    const sql = await readFile(join(directory, file), "utf8");
    for (const query of splitStatements(sql)) await clickhouse.command({ query });
  }
  return {
    clickhouse,
    url: url.href,
    async insertEvents(rows) {
      await clickhouse.insert({
        table: "events",
        values: [...rows],
        format: "JSONEachRow",
        clickhouse_settings: {
          async_insert: 0,
          date_time_input_format: "basic",
          json_type_escape_dots_in_keys: 1,
          input_format_try_infer_dates: 0,
          input_format_try_infer_datetimes: 0,
          max_partitions_per_insert_block: "0",
        } as never,
      });
    },
    async drop() {
      await clickhouse.command({ query: `DROP DATABASE ${database}` });
      await clickhouse.close();
    },
  };
}
