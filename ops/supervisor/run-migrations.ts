// Opens both stores and brings them up to date. Called before the tiers start, and by the command `migrate`.
import { onClusterSql } from "#schemas/clickhouse/render-for-cluster.ts";
import { createClickHouse } from "../runtime/clickhouse.ts";
import { migrate } from "../runtime/migrate.ts";
import { createPostgres } from "../runtime/postgres.ts";

/** A migration may copy a table: of a billion rows that takes minutes. */
const migrationMsMax = 3_600_000;

export async function runMigrations(options: {
  postgresUrl: string;
  clickhouseUrl: string;
  cluster: string | undefined;
  log?: (line: string) => void;
}): Promise<{ applied: string[] }> {
  const { postgresUrl, clickhouseUrl, cluster, log } = options;
  await ensureClickHouseDatabase(clickhouseUrl, cluster);
  const postgres = createPostgres(postgresUrl, { name: "migrate", connectionsMax: 1 });
  const clickhouse = createClickHouse(clickhouseUrl, {
    name: "migrate",
    connectionsMax: 1,
    requestMsMax: migrationMsMax,
  });
  try {
    return await migrate({
      postgres,
      clickhouse,
      ...(cluster === undefined ? {} : { cluster }),
      ...(log === undefined ? {} : { log }),
    });
  } finally {
    await clickhouse.close();
    await postgres.end();
  }
}

/** A session cannot begin in a database that is not there yet, so this one begins in `default`. */
async function ensureClickHouseDatabase(url: string, cluster: string | undefined): Promise<void> {
  const parsed = new URL(url);
  const database = parsed.pathname.slice(1) || "millrace";
  parsed.pathname = "/default";
  const client = createClickHouse(parsed.href, { name: "migrate", connectionsMax: 1 });
  try {
    const { data } = await client
      .query({
        query: "SELECT name FROM system.databases WHERE name = {name:String}",
        query_params: { name: database },
      })
      .then((result) => result.json<{ name: string }>());
    // That this server has it does not say that the cluster's others do.
    if (data.length > 0 && cluster === undefined) return;
    const where = cluster === undefined ? "" : ` ${onClusterSql(cluster)}`;
    await client.command({
      query: `CREATE DATABASE IF NOT EXISTS {name:Identifier}${where}`,
      query_params: { name: database },
    });
  } finally {
    await client.close();
  }
}
