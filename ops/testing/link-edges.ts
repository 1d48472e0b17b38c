// For tests of links over HTTP: two edges on the real services, in this process, and requests from whichever address.
import { mkdtemp, rm } from "node:fs/promises";
import { request, type IncomingHttpHeaders } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Registry } from "prom-client";
import { start, type RunningIngest } from "#ingest/main.ts";
import { connectNats } from "#streams/connect.ts";
import { startLinks } from "#workers/links/start-links.ts";
import { serveProjects } from "#workers/projects/project-service.ts";
import { ProjectStore } from "#workers/projects/project-store.ts";
import { serveUploads } from "#workers/uploads/upload-service.ts";
import { UploadStore } from "#workers/uploads/upload-store.ts";
import { startServers } from "../embedded/start-servers.ts";
import { createClickHouse } from "../runtime/clickhouse.ts";
import { readConfig } from "../runtime/config.ts";
import { createLogger } from "../runtime/log.ts";
import { migrate } from "../runtime/migrate.ts";
import { createPostgres } from "../runtime/postgres.ts";

export const linkKeys = { write: "http_write", read: "http_read", admin: "http_admin" } as const;

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly code: string | undefined;
}

export interface Asked {
  readonly method?: string;
  readonly path: string;
  readonly key?: string | null;
  readonly body?: object | Uint8Array | string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Where the connection comes from. */
  readonly localAddress?: string;
  /** Whose request a proxy passes on; default: somebody who has asked nothing yet. */
  readonly client?: string;
  readonly edge?: number;
}

export interface LinkEdges {
  /** Of the first edge. */
  readonly port: number;
  ask(asked: Asked): Promise<Answer>;
  stop(): Promise<void>;
}

export async function startLinkEdges(): Promise<LinkEdges> {
  const stops: (() => Promise<unknown> | void)[] = [];
  const edges: RunningIngest[] = [];

  const dataDir = await mkdtemp(join(tmpdir(), "millrace-http-links-"));
  stops.push(() => rm(dataDir, { recursive: true, force: true, maxRetries: 5 }));
  const servers = await startServers({ dataDir, parts: ["nats", "postgres", "clickhouse", "valkey"] });
  stops.push(() => servers.stop());
  const log = createLogger({ level: "fatal", name: "test" });
  const connection = await connectNats({ url: servers.natsUrl, name: "test", log });
  stops.push(() => connection.close());
  const postgres = createPostgres(servers.postgresUrl, { name: "test", connectionsMax: 10 });
  stops.push(() => postgres.end());
  const clickhouse = createClickHouse(servers.clickhouseUrl, { name: "test" });
  stops.push(() => clickhouse.close());
  await migrate({ postgres, clickhouse });
  const store = new ProjectStore(postgres);
  await store.ensureDefault(linkKeys);
  const config = readConfig({
    MILLRACE_NATS_URL: servers.natsUrl,
    MILLRACE_REDIS_URL: servers.redisUrl,
    MILLRACE_DATA_DIR: dataDir,
    // Whoever comes from there says who it is; others are who they are.
    MILLRACE_TRUSTED_PROXIES: "127.0.0.1/32",
    MILLRACE_PUBLIC_URL: "https://go.example",
  });
  const services = [
    serveProjects({ connection, store, clickhouse, clickhouseCluster: undefined, postgres, log }),
    serveUploads({ connection, store: new UploadStore(postgres), log }),
    startLinks({ config, connection, postgres, registry: new Registry(), log }),
  ];
  stops.push(() => Promise.all(services.map((service) => service.stop())));
  for (const instance of ["edge-1", "edge-2"]) {
    const own = { ...config, instance, port: 0, dataDir: join(dataDir, instance) };
    edges.push(await start(own, log));
  }
  stops.push(() => Promise.all(edges.map((edge) => edge.stop())));

  let nextAddress = 0;
  const ask = (asked: Asked): Promise<Answer> => {
    const { path, key = linkKeys.admin, body, localAddress = "127.0.0.1", edge = 0 } = asked;
    nextAddress += 1;
    const client = asked.client ?? `198.18.${nextAddress >> 8}.${nextAddress & 255}`;
    const bytes =
      body === undefined || body instanceof Uint8Array
        ? body
        : Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
    return new Promise((resolve, reject) => {
      const sent = request(
        {
          host: "127.0.0.1",
          port: edges[edge]?.port,
          path,
          method: asked.method ?? (body === undefined ? "GET" : "POST"),
          localAddress,
          agent: false,
          headers: {
            ...(key === null ? {} : { authorization: `Bearer ${key}` }),
            ...(localAddress === "127.0.0.1" ? { "x-forwarded-for": client } : {}),
            ...(bytes === undefined
              ? {}
              : { "content-type": "application/json", "content-length": bytes.length }),
            ...asked.headers,
          },
        },
        (response) => {
          const pieces: Buffer[] = [];
          response.on("data", (piece: Buffer) => pieces.push(piece));
          response.on("error", reject);
          response.on("end", () => {
            const text = Buffer.concat(pieces).toString();
            const [, code] = /"error":\{"code":"([A-Z_]+)"/.exec(text) ?? [];
            resolve({ status: response.statusCode ?? 0, headers: response.headers, text, code });
          });
        },
      );
      sent.on("error", reject);
      sent.end(bytes);
    });
  };
  return {
    port: edges[0]?.port as number,
    ask,
    async stop() {
      for (const stop of stops.toReversed()) await stop();
    },
  };
}
