// The table of embedded parts: how each is started in a data directory. The supervisor starts and restarts them
// one by one; start-servers.ts starts several at once for tests and benchmarks.
import { join } from "node:path";
import { startClickHouse } from "./clickhouse/server.ts";
import { ensurePorts, type PortName } from "./ports.ts";
import { startNats } from "./nats.ts";
import { startPostgres } from "./postgres.ts";
import { findPostgresPrograms } from "./postgres-programs.ts";
import { ensureSecrets } from "./secrets.ts";
import type { RunningServer, StartHooks } from "./server-process.ts";
import { findTool } from "./tools.ts";
import { startValkey } from "./valkey.ts";

export const partNames = ["nats", "valkey", "postgres", "clickhouse"] as const;
export type PartName = (typeof partNames)[number];

/** `readUrl`: the same server for a user that can only read, where the part has one. */
export type PartServer = RunningServer & { readonly readUrl?: string };

export type Part = {
  readonly name: PartName;
  /** For people: "nats-server 2.15.1". Known once the program is found, before the start. */
  readonly title: string;
  /** Starts it, on the same port and with the same passwords every time. */
  readonly start: (hooks?: StartHooks) => Promise<PartServer>;
};

const portsOf: Record<PartName, readonly PortName[]> = {
  nats: ["nats"],
  valkey: ["redis"],
  postgres: ["postgres"],
  clickhouse: ["clickhouse"],
};

/** Finds or installs programs, makes secrets and chooses ports; starts nothing. */
export async function prepareParts(options: {
  dataDir: string;
  parts: readonly PartName[];
  env: NodeJS.ProcessEnv;
  log: (line: string) => void;
  clickhouseMemoryBytesMax?: number;
  logBytesMax?: number;
}): Promise<Part[]> {
  const { dataDir, env, log } = options;
  const secrets = await ensureSecrets(dataDir);
  const ports = await ensurePorts(
    dataDir,
    options.parts.flatMap((name) => portsOf[name]),
  );
  const prepare: Record<PartName, () => Promise<Part>> = {
    nats: async () => {
      const tool = await findTool("nats-server", { env, log });
      const { logBytesMax } = options;
      const fixed = { tool, env, dataDir, port: ports.nats, password: secrets.nats, logBytesMax };
      const start = (hooks?: StartHooks) => startNats({ ...fixed, hooks });
      return { name: "nats", title: tool.title, start };
    },
    valkey: async () => {
      const tool = await findTool("redis", { env, log });
      const fixed = { tool, env, dataDir, port: ports.redis, password: secrets.redis };
      const start = (hooks?: StartHooks) => startValkey({ ...fixed, hooks });
      return { name: "valkey", title: tool.title, start };
    },
    postgres: async () => {
      const { version } = await findPostgresPrograms(env);
      const fixed = { env, dataDir, port: ports.postgres, password: secrets.postgres };
      const start = (hooks?: StartHooks) => startPostgres({ ...fixed, hooks });
      return { name: "postgres", title: `postgres ${version}`, start };
    },
    clickhouse: () => {
      const fixed = {
        directory: join(dataDir, "clickhouse"),
        httpPort: ports.clickhouse,
        passwords: { owner: secrets.clickhouseOwner, reader: secrets.clickhouseReader },
        memoryBytesMax: options.clickhouseMemoryBytesMax,
        dataDir,
        log,
      };
      const start = (hooks?: StartHooks) => startClickHouse({ ...fixed, hooks });
      return Promise.resolve({ name: "clickhouse", title: "clickhouse", start });
    },
  };
  return Promise.all(options.parts.map((name) => prepare[name]()));
}
