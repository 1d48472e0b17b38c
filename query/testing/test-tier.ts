// For integration tests: the query tier over real servers, with a few thousand events of two projects.
import { randomUUID } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { NatsConnection } from "@nats-io/transport-node";
import pg from "pg";
import { MillraceError } from "#schemas/errors.ts";
import { readConfig } from "#ops/runtime/config.ts";
import { createLogger } from "#ops/runtime/log.ts";
import { callService } from "#streams/call-service.ts";
import { connectNats } from "#streams/connect.ts";
import { start } from "../main.ts";
import { createTestDatabase, storeTime, type TestDatabase } from "./test-database.ts";

const migrations = fileURLToPath(new URL("../../schemas/migrations/postgres", import.meta.url));

export const projectId = 3;
export const rows = 3000;
export const partitions = 4;
export const base = Date.UTC(2026, 10, 1);
export const context = '{\n"page": {"url": "https://x.test/", "empty": {}, "nothing": null}}';
export const callOptions = { requestId: "r1", projectId, timeoutMs: 10_000 };

/** One event a minute from `base` on, every third an order. */
export function row(index: number, project = projectId): object {
  return {
    project_id: project,
    event: index % 3 === 0 ? "order" : 'page "view"\n',
    timestamp: storeTime(base + index * 60_000),
    user_number: index % 10,
    event_id: `${project}-e${index}`,
    user_id: index % 2 === 0 ? `u${index % 10}` : "",
    anonymous_id: index % 2 === 0 ? "" : `a${index % 10}`,
    properties: { amount: index, "a.b": "dotted", text: 'q"uote\n', list: [1, "x"] },
    context,
    received_at: storeTime(base + index * 60_000 + 5),
  };
}

export interface TestTier {
  readonly connection: NatsConnection;
  readonly database: TestDatabase;
  readonly postgres: pg.Client;
  call(method: string, payload: object | Uint8Array, project?: number): Promise<unknown>;
  /** One more process of the tier, which is asked as often as the first. */
  startAnother(): Promise<{ stop(): Promise<void> }>;
  stop(): Promise<void>;
}

export async function startTestTier(
  postgresServerUrl: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<TestTier> {
  const log = createLogger({ level: "error", name: "test" });
  // A log of its own: the stream's name is fixed, and other tests have theirs in the shared server.
  const database = await createTestDatabase({ withLog: true });
  const connection = await connectNats({ url: database.natsUrl, name: "test", log });
  const postgresDatabase = `query_${randomUUID().replaceAll("-", "")}`;
  const admin = new pg.Client({ connectionString: postgresServerUrl });
  await admin.connect();
  await admin.query(`CREATE DATABASE ${postgresDatabase}`);
  const url = new URL(postgresServerUrl);
  url.pathname = `/${postgresDatabase}`;
  const postgres = new pg.Client({ connectionString: url.href });
  await postgres.connect();
  for (const file of (await readdir(migrations)).sort()) {
    await postgres.query(await readFile(join(migrations, file), "utf8"));
  }
  await postgres.query(
    `INSERT INTO log_partitions (partition, log_id, owner, committed_at)
     SELECT generate_series(0, 2), 'test', 'workers-1', now()`,
  );
  await database.insertEvents(Array.from({ length: rows }, (_, index) => row(index)));
  await database.insertEvents([row(1, projectId + 1)]);
  const startTier = (): ReturnType<typeof start> =>
    start(
      readConfig({
        MILLRACE_NATS_URL: database.natsUrl,
        MILLRACE_CLICKHOUSE_URL: database.readUrl,
        MILLRACE_POSTGRES_URL: url.href,
        MILLRACE_PARTITIONS: String(partitions),
        MILLRACE_LOG_LEVEL: "error",
        MILLRACE_QUERY_COLUMNS_DISK_BYTES_MAX: "0",
        ...settings,
      }),
      log,
    );
  const running = await startTier();
  // Its subscriptions are on their way to the server when it says that it has started.
  for (let tries = 0; tries < 50; tries += 1) {
    const failed = await callService(connection, "svc.query.event_names", {}, callOptions).then(
      () => false,
      () => true,
    );
    if (!failed) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return {
    connection,
    database,
    postgres,
    call: (method, payload, project = projectId) =>
      callService(connection, `svc.query.${method}`, payload, { ...callOptions, projectId: project }),
    startAnother: startTier,
    async stop() {
      await running.stop();
      await connection.close();
      await postgres.end();
      await admin.query(`DROP DATABASE ${postgresDatabase} WITH (FORCE)`);
      await admin.end();
      await database.drop();
    },
  };
}

export async function errorOf(call: Promise<unknown>): Promise<MillraceError> {
  try {
    await call;
  } catch (error) {
    if (error instanceof MillraceError) return error;
    throw error;
  }
  throw new Error("the call did not fail");
}
