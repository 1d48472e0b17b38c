// The addresses of the servers that the installation of a data directory uses, written at every start to
// `<data dir>/servers.json` (mode 0600, it holds passwords) for the commands that run beside the supervisor.
import { join } from "node:path";
import { readJsonFile, writeJsonFile } from "../embedded/private-file.ts";
import type { Config } from "../runtime/config.ts";

export type ServerUrls = {
  nats: string;
  redis: string;
  postgres: string;
  clickhouse: string;
  /** Of a user that can only read. */
  clickhouseRead: string;
};

const pathIn = (dataDir: string): string => join(dataDir, "servers.json");

export function writeServerUrls(dataDir: string, urls: ServerUrls): Promise<void> {
  return writeJsonFile(pathIn(dataDir), urls);
}

/** The URLs that are not configured are those of the embedded servers, when the data directory knows any. */
export async function fillServerUrls(config: Config): Promise<Config> {
  const known = ((await readJsonFile(pathIn(config.dataDir))) ?? {}) as Partial<ServerUrls>;
  return {
    ...config,
    natsUrl: config.natsUrl ?? known.nats,
    redisUrl: config.redisUrl ?? known.redis,
    postgresUrl: config.postgresUrl ?? known.postgres,
    clickhouseUrl: config.clickhouseUrl ?? known.clickhouse,
  };
}
