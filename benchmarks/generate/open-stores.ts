// Opens the stores of an installation: the running one's, the configured ones, or the embedded servers of a data
// directory, started for the time of the run.
import { dataDirOwner } from "#ops/embedded/data-dir.ts";
import { startServers } from "#ops/embedded/start-servers.ts";
import { createClickHouse } from "#ops/runtime/clickhouse.ts";
import type { Config } from "#ops/runtime/config.ts";
import { createPostgres } from "#ops/runtime/postgres.ts";
import { runMigrations } from "#ops/supervisor/run-migrations.ts";
import { fillServerUrls } from "#ops/supervisor/server-urls.ts";
import { chunkMsMax, type Stores } from "./run.ts";

export interface OpenStores extends Stores {
  close(): Promise<void>;
}

const postgresConnectionsMax = 2;

export async function openStores(config: Config): Promise<OpenStores> {
  const isRunning = (await dataDirOwner(config.dataDir)) !== undefined;
  const isConfigured = config.clickhouseUrl !== undefined && config.postgresUrl !== undefined;
  if (isRunning || isConfigured) {
    const { clickhouseUrl, postgresUrl } = await fillServerUrls(config);
    if (clickhouseUrl === undefined || postgresUrl === undefined) {
      throw new Error(
        `the installation in ${config.dataDir} has not said yet where its servers are; try again`,
      );
    }
    // A running installation has its tables; the configured servers may be empty.
    return connect({ clickhouseUrl, postgresUrl }, config, !isRunning);
  }
  const servers = await startServers({
    dataDir: config.dataDir,
    parts: ["clickhouse", "postgres"],
    clickhouseMemoryBytesMax: config.clickhouseMemoryBytesMax,
    log: (line) => console.log(line),
  });
  try {
    return await connect(servers, config, true, () => servers.stop());
  } catch (error) {
    await servers.stop();
    throw error;
  }
}

async function connect(
  urls: { clickhouseUrl: string; postgresUrl: string },
  config: Config,
  withMigrations: boolean,
  stop: () => Promise<void> = async () => undefined,
): Promise<OpenStores> {
  const { clickhouseUrl, postgresUrl } = urls;
  if (withMigrations) await runMigrations({ clickhouseUrl, postgresUrl, cluster: config.clickhouseCluster });
  const clickhouse = createClickHouse(clickhouseUrl, {
    name: "generate",
    connectionsMax: 2,
    requestMsMax: chunkMsMax,
  });
  const postgres = createPostgres(postgresUrl, { name: "generate", connectionsMax: postgresConnectionsMax });
  return {
    clickhouse,
    postgres,
    async close() {
      await clickhouse.close();
      await postgres.end();
      await stop();
    },
  };
}
