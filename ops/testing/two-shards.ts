// For tests: two embedded ClickHouse servers as the two shards of one cluster, with the tables that the cluster
// rendering of the migrations makes. The embedded engine has no Keeper, which ON CLUSTER and Replicated* need, so
// `withoutKeeper` takes those away and every statement runs on both servers; everything else runs as rendered.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { splitStatements } from "../runtime/migrate.ts";
import { OWNER } from "../embedded/clickhouse/config.ts";
import { createTestClickHouse, type TestClickHouse } from "./embedded-clickhouse.ts";
import { chooseFreePort } from "./free-port.ts";

const migrations = fileURLToPath(new URL("../../schemas/migrations/clickhouse", import.meta.url));

/** Every ClickHouse statement of the migrations, in order. */
export async function readClickHouseStatements(): Promise<string[]> {
  const statements: string[] = [];
  for (const file of (await readdir(migrations)).sort()) {
    statements.push(...splitStatements(await readFile(join(migrations, file), "utf8")));
  }
  return statements;
}

/** @throws Error when something that needs Keeper is left: then this adaptation has to learn it. */
export function withoutKeeper(statement: string): string {
  const adapted = statement
    .replace(/ ON CLUSTER '(?:[^'\\]|\\.)*'/, "")
    .replace(/\bReplicated(\w*MergeTree)\('[^']*', '[^']*'(?:, )?/, "$1(")
    .replace(/\breplicated_deduplication_window\b/, "non_replicated_deduplication_window");
  if (/ON CLUSTER|\bReplicated|\breplicated_/.test(adapted)) throw new Error(`Needs Keeper: ${adapted}`);
  return adapted;
}

export type TwoShards = {
  readonly shards: readonly [TestClickHouse, TestClickHouse];
  /** After a kill, on the same ports: the cluster finds it again. */
  restart(shard: TestClickHouse): Promise<void>;
  remove(): Promise<void>;
};

export async function startTwoShards(cluster: string): Promise<TwoShards> {
  const shards = [await createTestClickHouse(), await createTestClickHouse()] as const;
  const passwords = { owner: "owner's <&\" word", reader: "reader:word/@" };
  const places = await Promise.all(
    shards.map(async () => ({ httpPort: await chooseFreePort(), tcpPort: await chooseFreePort() })),
  );
  const remoteServers = {
    [cluster]: places.map(({ tcpPort }) => ({
      host: "127.0.0.1",
      tcpPort,
      user: OWNER,
      password: passwords.owner,
    })),
  };
  const start = async (shard: TestClickHouse): Promise<void> => {
    await shard.start({ ...places[shards.indexOf(shard)], passwords, remoteServers });
  };
  const remove = async (): Promise<void> => {
    await Promise.all(shards.map((shard) => shard.remove()));
  };
  try {
    await Promise.all(shards.map(start));
  } catch (error) {
    await remove();
    throw error;
  }
  return { shards, restart: start, remove };
}
