// svc.query.system: how the installation is: lag and watermark, throughput, stores, what the log promises.
import type { StatusEntry } from "#streams/status.ts";
import type { QueryContext } from "../query-context.ts";
import { describeDurability } from "./durability.ts";
import { buildLag, type WorkersReport } from "./lag.ts";

/** A store that takes longer than this to say its version counts as away. */
const probeMsMax = 2_000;
/** A process that was silent for longer is not counted as alive. */
const aliveMsMax = 5_000;

export async function describeSystem(context: QueryContext): Promise<object> {
  const [log, clickhouse, postgres] = await Promise.all([
    probe(async () => {
      const partitions = (await context.watermark.read()).partitions;
      const info = await context.logAccess.manager.streams.info("EVENTS");
      return { partitions, info };
    }),
    probe(async () => {
      const result = await context.store.clickhouse.query({
        query: "SELECT version()",
        format: "JSONCompact",
      });
      return String((await result.json<[string]>()).data[0]?.[0]);
    }),
    probe(async () => {
      const { rows } = await context.postgres.query<{ server_version: string }>("SHOW server_version");
      return rows[0]?.server_version ?? "";
    }),
  ]);
  const instances = context.board.entries().filter((entry) => entry.ageMs <= aliveMsMax);
  const reports = instances.filter((entry) => entry.tier === "workers") as (StatusEntry & {
    status: WorkersReport;
  })[];
  const lag =
    log.value === undefined
      ? undefined
      : buildLag(
          log.value.partitions,
          reports.map((entry) => entry.status),
          Date.now(),
        );
  return {
    as_of: await context.watermark.asOf(),
    lag: lag ?? null,
    throughput: context.throughput.read(),
    log: {
      reachable: log.value !== undefined,
      version: context.connection.info?.version ?? null,
      durability: describeDurability({
        embedded: context.logIsEmbedded,
        replicas: context.logAccess.replicas,
      }),
      partitions: context.logAccess.partitions,
      replicas: context.logAccess.replicas,
      blocks: log.value?.info.state.messages ?? null,
      bytes: log.value?.info.state.bytes ?? null,
      bytes_max: log.value?.info.config.max_bytes ?? null,
    },
    stores: {
      clickhouse: { reachable: clickhouse.value !== undefined, version: clickhouse.value ?? null },
      postgres: { reachable: postgres.value !== undefined, version: postgres.value ?? null },
    },
    instances: instances.map((entry) => ({
      tier: entry.tier,
      instance: entry.instance,
      ready: entry.status.ready,
      heard_ms_ago: Math.max(0, Math.round(entry.ageMs)),
    })),
  };
}

async function probe<T>(read: () => Promise<T>): Promise<{ value: T | undefined }> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<{ value: undefined }>((resolve) => {
    timer = setTimeout(() => resolve({ value: undefined }), probeMsMax);
  });
  try {
    return await Promise.race([read().then((value) => ({ value })), late]);
  } catch {
    return { value: undefined };
  } finally {
    clearTimeout(timer);
  }
}
