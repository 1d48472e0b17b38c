// For integration tests: real servers of their own, worker processes that can be killed and frozen, and a
// writer of blocks into the log.
import { jetstream } from "@nats-io/jetstream";
import { headers, type NatsConnection } from "@nats-io/transport-node";
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startServers, type Servers } from "#ops/embedded/start-servers.ts";
import { createClickHouse, type ClickHouse } from "#ops/runtime/clickhouse.ts";
import { createLogger, type Logger } from "#ops/runtime/log.ts";
import { migrate } from "#ops/runtime/migrate.ts";
import { createPostgres, type Postgres } from "#ops/runtime/postgres.ts";
import { blockFingerprint, BlockWriter, handedOverHeader, schemaHeader } from "#schemas/events/block.ts";
import { userKeyOf, type LogEvent } from "#schemas/events/event.ts";
import { partitionOf } from "#schemas/hash.ts";
import { ensureStreams, eventSubject } from "#streams/catalogue.ts";
import { connectNats } from "#streams/connect.ts";

export const partitions = 4;
const cli = new URL("../../ops/cli/millrace.ts", import.meta.url).pathname;

export interface Bed {
  dataDir: string;
  servers: Servers;
  connection: NatsConnection;
  postgres: Postgres;
  clickhouse: ClickHouse;
  log: Logger;
  /** Starts a worker process; `kill -9`, SIGSTOP and SIGTERM go to its pid. */
  startWorkers(instance: string, settings?: Readonly<Record<string, string>>): ChildProcess;
  /** `handedOverMs`: as rows of a file that came at that time. */
  publish(events: readonly LogEvent[], handedOverMs?: number): Promise<void>;
  /** With -9. */
  killAll(): void;
  close(): Promise<void>;
}

export async function startBed(): Promise<Bed> {
  const dataDir = await mkdtemp(join(tmpdir(), "millrace-workers-"));
  const servers = await startServers({ dataDir, parts: ["nats", "postgres", "clickhouse"] });
  const log = createLogger({ level: "error", name: "test" });
  const connection = await connectNats({ url: servers.natsUrl, name: "test", log });
  await ensureStreams(connection, { partitions, replicas: 1, logBytesMax: 2 ** 30 });
  const postgres = createPostgres(servers.postgresUrl, { name: "test", connectionsMax: 4 });
  const clickhouse = createClickHouse(servers.clickhouseUrl, { name: "test" });
  await migrate({ postgres, clickhouse });
  const children: ChildProcess[] = [];
  const client = jetstream(connection);
  return {
    dataDir,
    servers,
    connection,
    postgres,
    clickhouse,
    log,
    startWorkers(instance, settings = {}) {
      const child = spawn(process.execPath, [cli, "workers"], {
        env: {
          PATH: process.env["PATH"],
          MILLRACE_NATS_URL: servers.natsUrl,
          MILLRACE_POSTGRES_URL: servers.postgresUrl,
          MILLRACE_CLICKHOUSE_URL: servers.clickhouseUrl,
          // Workers take the address of a cache but do not use one.
          MILLRACE_REDIS_URL: "redis://127.0.0.1:1",
          MILLRACE_INSTANCE: instance,
          MILLRACE_PARTITIONS: String(partitions),
          MILLRACE_LOG_LEVEL: "warn",
          ...settings,
        },
        stdio: ["ignore", "inherit", "inherit"],
      });
      children.push(child);
      return child;
    },
    async publish(events, handedOverMs) {
      const writers = new Map<number, BlockWriter>();
      for (const event of events) {
        const partition = partitionOf(event.project_id, userKeyOf(event), partitions);
        const writer = writers.get(partition) ?? new BlockWriter();
        writers.set(partition, writer);
        writer.append(event);
      }
      const built = headers();
      built.set(schemaHeader, blockFingerprint);
      if (handedOverMs !== undefined) built.set(handedOverHeader, String(handedOverMs));
      await Promise.all(
        [...writers].map(([partition, writer]) =>
          client.publish(eventSubject(partition), writer.finish(), { headers: built }),
        ),
      );
    },
    killAll() {
      for (const child of children) child.kill("SIGKILL");
    },
    async close() {
      for (const child of children) {
        child.kill("SIGCONT");
        child.kill("SIGKILL");
      }
      await connection.close();
      await postgres.end();
      await clickhouse.close();
      await servers.stop();
      await rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

export function buildEvent(id: number, change: Partial<LogEvent> = {}): LogEvent {
  const now = Date.now();
  return {
    project_id: 1,
    event: id % 3 === 0 ? "order_placed" : "page_viewed",
    event_id: `event-${id}`,
    user_id: `user-${id % 97}`,
    anonymous_id: "",
    session_id: "",
    // Spread over three months, so that a batch has several parts.
    timestamp: now - (id % 90) * 24 * 3600 * 1000,
    received_at: now,
    properties: JSON.stringify({ amount: id % 10 }),
    context: "{}",
    user_agent: "",
    ...change,
  };
}

/** Every store's account of the same events: raw rows, distinct ids, steps, each rollup, and the user bitmaps. */
export async function readAccounts(bed: Bed): Promise<Record<string, number>> {
  const result = await bed.clickhouse.query({
    query: `SELECT
      (SELECT count() FROM events) AS rows,
      (SELECT uniqExact(event_id) FROM events) AS ids,
      (SELECT sum(toInt64(properties.amount)) FROM events) AS amount,
      (SELECT uniqExact(user_number) FROM events) AS numbers,
      (SELECT uniqExact(user_id) FROM events) AS users,
      (SELECT count() FROM steps) AS steps,
      (SELECT countIf(sipHash64(project_id, user_number) % 4096 < 256) FROM steps) - (SELECT count() FROM steps_sample) AS unsampled,
      (SELECT sum(events) FROM rollup_minute) AS minutes,
      (SELECT sum(events) FROM rollup_hour) AS hours,
      (SELECT sum(events) FROM rollup_day) AS days,
      (SELECT sum(events) FROM rollup_hour_any) AS hours_any,
      (SELECT sum(events) FROM rollup_day_any) AS days_any,
      (SELECT groupBitmapMerge(users) FROM rollup_hour) AS hour_users,
      (SELECT groupBitmapMerge(users) FROM rollup_hour_any) AS hour_users_any,
      (SELECT groupBitmapMerge(users) FROM rollup_day_any) AS day_users_any,
      (SELECT groupBitmapMerge(users) FROM rollup_day) AS day_users`,
    format: "JSONEachRow",
  });
  const [row] = await result.json<Record<string, string>>();
  return Object.fromEntries(Object.entries(row ?? {}).map(([name, value]) => [name, Number(value)]));
}

export function expectedAccounts(events: readonly LogEvent[]): Record<string, number> {
  const distinct = [...new Map(events.map((event) => [event.event_id, event])).values()];
  const users = new Set(distinct.map((event) => event.user_id)).size;
  const count = distinct.length;
  return {
    rows: count,
    ids: count,
    amount: distinct.reduce(
      (sum, event) => sum + (JSON.parse(event.properties) as { amount: number }).amount,
      0,
    ),
    numbers: users,
    users,
    steps: count,
    unsampled: 0,
    minutes: count,
    hours: count,
    days: count,
    hours_any: count,
    days_any: count,
    hour_users: users,
    hour_users_any: users,
    day_users_any: users,
    day_users: users,
  };
}
