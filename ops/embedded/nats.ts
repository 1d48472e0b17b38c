// The embedded log: nats-server with JetStream, every write synced before it is acknowledged.
import { mkdir, statfs } from "node:fs/promises";
import { join } from "node:path";
import { connect } from "@nats-io/transport-node";
import { writePrivateFile } from "./private-file.ts";
import { spawnServer, waitUntilReady, type RunningServer, type StartHooks } from "./server-process.ts";
import type { FoundTool } from "./tools.ts";

const user = "millrace";
const payloadBytesMax = 8 * 1024 * 1024;
const memoryStoreBytesMax = 64 * 1024 * 1024;
const fileStoreBytesMax = 64 * 1024 ** 3;
const fileStoreBytesMin = 16 * 1024 ** 3;
/** Of Go's heap; a soft limit, JetStream's block caches shrink near it. */
const heapBytes = 512 * 1024 * 1024;
const readyMsMax = 30_000;

/**
 * Starts nats-server on loopback with its store in `<dataDir>/nats`.
 * `url` holds user and password.
 */
export async function startNats(options: {
  tool: FoundTool;
  env: NodeJS.ProcessEnv;
  dataDir: string;
  port: number;
  password: string;
  /** What the streams will reserve; the store is made large enough. */
  logBytesMax?: number | undefined;
  hooks?: StartHooks | undefined;
}): Promise<RunningServer> {
  const { dataDir, port, password } = options;
  const directory = join(dataDir, "nats");
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const configFile = join(dataDir, "nats.conf");
  await writePrivateFile(
    configFile,
    buildNatsConfig({
      directory,
      port,
      password,
      fileStoreBytes: await fileStoreBytes(directory, options.logBytesMax ?? 0),
    }),
  );
  const logFile = join(dataDir, "logs", "nats.log");
  const server = spawnServer({
    program: options.tool.program,
    args: ["-c", configFile],
    env: { ...options.env, GOMEMLIMIT: String(heapBytes) },
    dataDir,
    part: "nats",
    logFile,
    hooks: options.hooks,
    stopSignal: "SIGTERM",
  });
  await waitUntilReady(server, {
    part: "nats",
    logFile,
    timeoutMs: readyMsMax,
    hooks: options.hooks,
    probe: () => probeNats(port, password),
  });
  return { ...server, url: `nats://${user}:${password}@127.0.0.1:${port}` };
}

/** `sync_interval: always`: JetStream's default syncs every two minutes and loses acknowledged messages with the power. */
export function buildNatsConfig(options: {
  directory: string;
  port: number;
  password: string;
  fileStoreBytes: number;
}): string {
  return `listen: "127.0.0.1:${options.port}"
server_name: "millrace-embedded"
max_payload: ${payloadBytesMax}
max_pending: ${8 * payloadBytesMax}
authorization { users: [ { user: "${user}", password: "${options.password}" } ] }
jetstream {
  store_dir: ${JSON.stringify(options.directory)}
  sync_interval: always
  max_memory_store: ${memoryStoreBytesMax}
  max_file_store: ${options.fileStoreBytes}
}
`;
}

/** Half of what the disk has left, but never less than what the streams may reserve by their own bounds. */
async function fileStoreBytes(directory: string, logBytesMax: number): Promise<number> {
  const { bavail, bsize } = await statfs(directory);
  const half = Math.floor((bavail * bsize) / 2);
  return Math.max(2 * logBytesMax, Math.min(fileStoreBytesMax, Math.max(fileStoreBytesMin, half)));
}

async function probeNats(port: number, password: string): Promise<void> {
  const connection = await connect({
    servers: `127.0.0.1:${port}`,
    user,
    pass: password,
    reconnect: false,
    timeout: 2_000,
    name: "start probe",
  });
  await connection.close();
}
