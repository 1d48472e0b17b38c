// The edge alone against a real log, for its integration tests and benchmarks: keys are answered over the real
// protocol from a table, and the log can be read back.
import type { NatsConnection } from "@nats-io/transport-node";
import { jetstreamManager } from "@nats-io/jetstream";
import { readConfig } from "#ops/runtime/config.ts";
import { createLogger } from "#ops/runtime/log.ts";
import { decodeBlock, schemaHeader } from "#schemas/events/block.ts";
import type { LogEvent } from "#schemas/events/event.ts";
import type { ResolvedKey } from "#schemas/projects/project.ts";
import { eventsStream } from "#streams/catalogue.ts";
import { connectNats } from "#streams/connect.ts";
import { serve } from "#streams/services.ts";
import { hashKey } from "../access/credentials.ts";
import { start } from "../main.ts";

export const testKeys = {
  write: "test_write",
  read: "test_read",
  admin: "test_admin",
  limited: "test_limited",
};

const project = {
  projectId: 1,
  publicId: "default",
  keyId: "key_test",
  keyHint: "test…",
  expiresAtMs: null,
  timezone: "UTC",
  eventsPerSecondMax: null,
  eventsPerDayMax: null,
  eventsPerMonthMax: null,
  retentionDays: 0,
};

/** The limited key belongs to project 2, which may send 10 events a second. */
const resolvedKeys = new Map<string, ResolvedKey>([
  [hashKey(testKeys.write), { ...project, scopes: ["write"] }],
  [hashKey(testKeys.read), { ...project, scopes: ["read"] }],
  [hashKey(testKeys.admin), { ...project, scopes: ["admin"] }],
  [hashKey(testKeys.limited), { ...project, projectId: 2, scopes: ["write"], eventsPerSecondMax: 10 }],
]);

export interface EdgeUnderTest {
  url: string;
  port: number;
  connection: NatsConnection;
  lookups(): number;
  /** The key opens nothing any more, and edges are told. */
  revoke(key: string): void;
  stop(): Promise<void>;
}

export async function startEdge(
  natsUrl: string,
  options: { env?: Record<string, string>; bodyDeadlineMs?: number } = {},
): Promise<EdgeUnderTest> {
  const log = createLogger({ level: "warn", name: "ingest" });
  const connection = await connectNats({ url: natsUrl, name: "test", log });
  let lookups = 0;
  const keys = new Map(resolvedKeys);
  const projects = serve(connection, {
    service: "projects",
    log,
    methods: {
      resolve_key: async (payload) => {
        lookups += 1;
        const { keyHash } = JSON.parse(new TextDecoder().decode(payload)) as { keyHash: string };
        return keys.get(keyHash) ?? null;
      },
      begin_action: async () => ({ id: "1" }),
      refused_action: async () => null,
      end_action: async () => null,
      report_use: async () => null,
      events_taken: async () => ({ day: 0, month: 0 }),
    },
  });
  const config = readConfig({ MILLRACE_NATS_URL: natsUrl, ...options.env });
  const { bodyDeadlineMs } = options;
  const edge = await start(
    { ...config, port: 0 },
    log,
    bodyDeadlineMs === undefined ? {} : { bodyDeadlineMs },
  );
  return {
    url: `http://127.0.0.1:${edge.port}`,
    port: edge.port,
    connection,
    lookups: () => lookups,
    revoke(key) {
      const hash = hashKey(key);
      const projectId = keys.get(hash)?.projectId;
      keys.delete(hash);
      connection.publish("projects.changed", JSON.stringify({ projectId }));
    },
    async stop() {
      await edge.stop();
      await projects.stop();
      await connection.close();
    },
  };
}

/** Every event in the log, in its order, read message by message. */
export async function readLog(connection: NatsConnection): Promise<LogEvent[]> {
  const manager = await jetstreamManager(connection);
  const { state } = await manager.streams.info(eventsStream);
  const events: LogEvent[] = [];
  for (let sequence = Math.max(1, state.first_seq); sequence <= state.last_seq; sequence += 1) {
    const message = await manager.streams.getMessage(eventsStream, { seq: sequence });
    if (message !== null) events.push(...decodeBlock(message.data, message.header.get(schemaHeader)));
  }
  return events;
}
