// The embedded cache: Valkey (or Redis) for limits, shared cache and presence. It keeps nothing on disk: losing
// it costs speed, never data.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { Redis } from "ioredis";
import { writePrivateFile } from "./private-file.ts";
import { spawnServer, waitUntilReady, type RunningServer, type StartHooks } from "./server-process.ts";
import type { FoundTool } from "./tools.ts";

const memoryBytesMax = 128 * 1024 * 1024;
const clientsMax = 512;
const readyMsMax = 15_000;

/** Starts the server on loopback; `url` holds the password. */
export async function startValkey(options: {
  tool: FoundTool;
  env: NodeJS.ProcessEnv;
  dataDir: string;
  port: number;
  password: string;
  hooks?: StartHooks | undefined;
}): Promise<RunningServer> {
  const { dataDir, port, password, tool } = options;
  const directory = join(dataDir, "valkey");
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const configFile = join(dataDir, "valkey.conf");
  await writePrivateFile(configFile, buildValkeyConfig({ directory, port, password }));
  const logFile = join(dataDir, "logs", "valkey.log");
  const libraries = tool.libraryPath === undefined ? {} : { LD_LIBRARY_PATH: tool.libraryPath };
  const server = spawnServer({
    program: tool.program,
    args: [configFile],
    env: { ...options.env, ...libraries },
    dataDir,
    part: "valkey",
    logFile,
    hooks: options.hooks,
    stopSignal: "SIGTERM",
  });
  await waitUntilReady(server, {
    part: "valkey",
    logFile,
    timeoutMs: readyMsMax,
    hooks: options.hooks,
    probe: () => probeValkey(port, password),
  });
  return { ...server, url: `redis://:${password}@127.0.0.1:${port}` };
}

export function buildValkeyConfig(options: { directory: string; port: number; password: string }): string {
  // set-proc-title would overwrite the memory in which /proc shows the environment: the mark must stay readable.
  return `bind 127.0.0.1
port ${options.port}
requirepass ${options.password}
dir ${JSON.stringify(options.directory)}
save ""
appendonly no
maxmemory ${memoryBytesMax}
maxmemory-policy allkeys-lru
maxclients ${clientsMax}
set-proc-title no
`;
}

async function probeValkey(port: number, password: string): Promise<void> {
  const client = new Redis({
    host: "127.0.0.1",
    port,
    password,
    lazyConnect: true,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    connectTimeout: 2_000,
  });
  // ioredis also reports a failed connection as an event, which without a listener would be printed.
  client.on("error", () => {});
  try {
    await client.connect();
    await client.ping();
  } finally {
    client.disconnect();
  }
}
