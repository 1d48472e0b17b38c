// Starts the embedded servers of one data directory together, for integration tests and benchmarks: the same
// servers, settings and passwords that `start` runs, without the tiers and without restarts.
import { resolve } from "node:path";
import { inheritedEnvironment } from "./environment.ts";
import { lockDataDir, makeDataDir } from "./data-dir.ts";
import { endOrphans, stopSignalOf } from "./orphans.ts";
import { partNames, prepareParts, type PartName, type PartServer } from "./parts.ts";
import { startWarden, type Warden } from "./warden.ts";

export type Servers = {
  /** "" when the part was not asked for; so are the other URLs. All hold user and password. */
  readonly natsUrl: string;
  readonly redisUrl: string;
  readonly postgresUrl: string;
  readonly clickhouseUrl: string;
  /** The same server for a user that can only read: what the query tier gets. */
  readonly clickhouseReadUrl: string;
  readonly pids: Readonly<Partial<Record<PartName, number>>>;
  stop(): Promise<void>;
};

/**
 * Starts the parts (all when not given) in `dataDir`, which is made when it is not there and may be used again.
 * They end with this process, also when it is killed.
 * @throws MillraceError CONFLICT when the directory is in use, SERVICE_UNAVAILABLE when a part does not start.
 */
export async function startServers(options: {
  dataDir: string;
  parts?: readonly PartName[];
  clickhouseMemoryBytesMax?: number;
  log?: (line: string) => void;
}): Promise<Servers> {
  const dataDir = resolve(options.dataDir);
  const env = inheritedEnvironment();
  const log = options.log ?? (() => {});
  await makeDataDir(dataDir);
  const lock = await lockDataDir(dataDir);
  const running = new Map<PartName, PartServer>();
  let warden: Warden | undefined;
  const stop = async (): Promise<void> => {
    await Promise.all([...running.values()].map((server) => server.stop()));
    await warden?.stop();
    await lock.release();
  };
  try {
    await endOrphans(dataDir, log);
    const watching = (warden = startWarden({ dataDir, env }));
    const parts = await prepareParts({
      dataDir,
      parts: options.parts ?? partNames,
      env,
      log,
      ...(options.clickhouseMemoryBytesMax === undefined
        ? {}
        : { clickhouseMemoryBytesMax: options.clickhouseMemoryBytesMax }),
    });
    const started = await Promise.allSettled(
      parts.map(async (part) => {
        const server = await part.start({
          onSpawn: ({ pid, exited }) => {
            watching.watch(pid, stopSignalOf(part.name));
            void exited.then(() => watching.forget(pid));
          },
        });
        running.set(part.name, server);
        log(`${part.title} ready`);
      }),
    );
    const failed = started.find((each) => each.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  } catch (error) {
    await stop();
    throw error;
  }
  const urlOf = (name: PartName): string => running.get(name)?.url ?? "";
  return {
    natsUrl: urlOf("nats"),
    redisUrl: urlOf("valkey"),
    postgresUrl: urlOf("postgres"),
    clickhouseUrl: urlOf("clickhouse"),
    clickhouseReadUrl: running.get("clickhouse")?.readUrl ?? "",
    pids: Object.fromEntries([...running].map(([name, server]) => [name, server.pid])),
    stop,
  };
}
