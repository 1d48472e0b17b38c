// For integration tests: a ClickHouse server of their own with the tables of the migrations. The owner of a server
// owns one database, so tests cannot each have one in a shared server.
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startServers } from "#ops/embedded/start-servers.ts";
import { createClickHouse, type ClickHouse } from "#ops/runtime/clickhouse.ts";
import { splitStatements } from "#ops/runtime/migrate.ts";

const directory = fileURLToPath(new URL("../../schemas/migrations/clickhouse", import.meta.url));

export interface TestDatabase {
  readonly clickhouse: ClickHouse;
  readonly url: string;
  readonly readUrl: string;
  readonly natsUrl: string;
  insertEvents(rows: readonly object[]): Promise<void>;
  drop(): Promise<void>;
}

/** As the store reads times in JSON, before 1970 too. */
export function storeTime(epochMs: number): string {
  return new Date(epochMs).toISOString().slice(0, -1).replace("T", " ");
}

/** `withLog` starts a NATS server beside it, whose streams nobody else uses. */
export async function createTestDatabase(options: { withLog?: boolean } = {}): Promise<TestDatabase> {
  const dataDir = await mkdtemp(join(tmpdir(), "millrace-query-"));
  const servers = await startServers({
    dataDir,
    parts: options.withLog === true ? ["clickhouse", "nats"] : ["clickhouse"],
  });
  const clickhouse = createClickHouse(servers.clickhouseUrl, { name: "test" });
  for (const file of (await readdir(directory)).sort()) {
    const sql = await readFile(join(directory, file), "utf8");
    for (const query of splitStatements(sql)) await clickhouse.command({ query });
  }
  return {
    clickhouse,
    url: servers.clickhouseUrl,
    readUrl: servers.clickhouseReadUrl,
    natsUrl: servers.natsUrl,
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
      await clickhouse.close();
      await servers.stop();
      await rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
