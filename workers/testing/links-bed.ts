// The links service over the real log, Postgres and Redis, for its tests.
import { Redis } from "ioredis";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Registry } from "prom-client";
import { startServers } from "#ops/embedded/start-servers.ts";
import { createClickHouse } from "#ops/runtime/clickhouse.ts";
import { createLogger } from "#ops/runtime/log.ts";
import { migrate } from "#ops/runtime/migrate.ts";
import { createPostgres, type Postgres } from "#ops/runtime/postgres.ts";
import { callService, callStream } from "#streams/call-service.ts";
import { connectNats } from "#streams/connect.ts";
import { connectLinkCache, LinkAnnouncer } from "../links/announce-links.ts";
import { serveLinks } from "../links/link-service.ts";
import { LinkStore } from "../links/link-store.ts";
import { createLinkMetrics, type LinkMetrics } from "../links/metrics.ts";
import { TitleKeeper } from "../links/titles/title-keeper.ts";
import type { AddressGuard } from "../outgoing/guard-address.ts";

export interface LinksBed {
  readonly connection: Awaited<ReturnType<typeof connectNats>>;
  readonly postgres: Postgres;
  readonly redis: Redis;
  readonly postgresUrl: string;
  readonly natsUrl: string;
  readonly metrics: LinkMetrics;
  /** Ids of two projects. */
  readonly projects: readonly number[];
  /** Asks the service as `projects[project]`. */
  call<T>(method: string, payload: object, asked?: Asked): Promise<T>;
  /** A streamed answer, whole. */
  read(method: string, payload: object): Promise<{ type: string; bytes: Buffer }>;
  stop(): Promise<void>;
}

export interface Asked {
  readonly parameters?: Record<string, string>;
  readonly project?: number;
}

/** `titles`: links without a title get that of their page, which may be where the guard allows. */
export async function startLinksBed(titles?: AddressGuard): Promise<LinksBed> {
  const stops: (() => Promise<unknown> | void)[] = [];
  const dataDir = await mkdtemp(join(tmpdir(), "millrace-links-"));
  const servers = await startServers({ dataDir, parts: ["nats", "postgres", "clickhouse", "valkey"] });
  stops.push(() => rm(dataDir, { recursive: true, force: true }));
  stops.push(() => servers.stop());
  const log = createLogger({ level: "error", name: "test" });
  const connection = await connectNats({ url: servers.natsUrl, name: "test", log });
  stops.push(() => connection.close());
  const postgres = createPostgres(servers.postgresUrl, { name: "test", connectionsMax: 8 });
  stops.push(() => postgres.end());
  const clickhouse = createClickHouse(servers.clickhouseUrl, { name: "test" });
  await migrate({ postgres, clickhouse });
  await clickhouse.close();
  const redis = new Redis(servers.redisUrl);
  stops.push(() => redis.disconnect());
  const projects: number[] = [];
  for (const name of ["one", "two"]) {
    const { rows } = await postgres.query<{ id: number }>(
      "INSERT INTO projects (public_id, name, retention) VALUES ($1, $1, '{\"raw_days\": 90}') RETURNING id",
      [name],
    );
    projects.push(rows[0]?.id as number);
  }
  const cache = connectLinkCache(servers.redisUrl);
  await new Promise((resolve) => cache?.once("ready", resolve));
  const publicUrl = "https://go.example";
  const metrics = createLinkMetrics(new Registry());
  const store = new LinkStore(postgres, {
    onConflict: () => metrics.codeConflicts.inc(),
    wantsTitles: titles !== undefined,
  });
  const announcer = new LinkAnnouncer(connection, cache);
  const keeper =
    titles === undefined
      ? undefined
      : new TitleKeeper({ postgres, store, announcer, publicUrl, metrics, log, guard: titles });
  keeper?.start();
  const service = serveLinks({
    connection,
    postgres,
    redis: cache,
    store,
    announcer,
    publicUrl,
    onTitleWanted: () => keeper?.wake(),
    log,
  });
  stops.push(() => cache?.disconnect());
  stops.push(async () => Promise.all([service.stop(), keeper?.stop()]));
  return {
    connection,
    postgres,
    redis,
    postgresUrl: servers.postgresUrl,
    natsUrl: servers.natsUrl,
    metrics,
    projects,
    async call<T>(method: string, payload: object, { parameters, project = 0 }: Asked = {}): Promise<T> {
      return (await callService(connection, `svc.links.${method}`, payload, {
        requestId: "request",
        projectId: projects[project] as number,
        timeoutMs: 30_000,
        ...(parameters === undefined ? {} : { parameters }),
      })) as T;
    },
    async read(method, payload) {
      const pieces: Uint8Array[] = [];
      let type = "";
      await callStream(
        connection,
        `svc.links.${method}`,
        payload,
        { requestId: "r", projectId: projects[0] as number, timeoutMs: 10_000 },
        {
          onStart: ({ headers }) => {
            type = headers["content-type"] ?? "";
          },
          onChunk: (bytes) => void pieces.push(bytes.slice()),
          signal: new AbortController().signal,
        },
      );
      return { type, bytes: Buffer.concat(pieces) };
    },
    async stop() {
      for (const stop of stops.toReversed()) await stop();
    },
  };
}
