// The embedded relational store: PostgreSQL 18 from npm's binaries, on loopback only, with passwords (SCRAM) for
// everybody. Postgres refuses to run as root; as root it runs as a user of its own (postgres-user.ts).
import { chown, mkdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import pg from "pg";
import { MillraceError } from "#schemas/errors.ts";
import { findPostgresPrograms } from "./postgres-programs.ts";
import { choosePostgresUser, type PostgresUser } from "./postgres-user.ts";
import { writePrivateFile } from "./private-file.ts";
import { endProcess, findMarkedProcesses, findProcessesIn } from "./processes.ts";
import { lastLine, runCommand } from "./run-command.ts";
import { spawnServer, waitUntilReady, type RunningServer, type StartHooks } from "./server-process.ts";

const owner = "millrace";
const database = "millrace";
const initTimeoutMs = 120_000;
/** Recovery after kill -9 replays at most max_wal_size. */
const readyMsMax = 60_000;
const orphanWaitMsMax = 3_000;

// Small: the relational store holds definitions, positions and read models, not events.
const settings = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  max_connections: "80",
  shared_buffers: "64MB",
  max_wal_size: "512MB",
  fsync: "on",
  synchronous_commit: "on",
  full_page_writes: "on",
  password_encryption: "scram-sha-256",
  log_min_messages: "warning",
  timezone: "UTC",
} as const;

/** Starts Postgres with its cluster in `<dataDir>/postgres`; `url` holds user, password and database. */
export async function startPostgres(options: {
  env: NodeJS.ProcessEnv;
  dataDir: string;
  port: number;
  password: string;
  hooks?: StartHooks | undefined;
}): Promise<RunningServer> {
  const { dataDir, port, password } = options;
  const programs = await findPostgresPrograms(options.env);
  const home = join(dataDir, "postgres");
  await mkdir(home, { recursive: true, mode: 0o700 });
  const user = await choosePostgresUser({ dataDir, program: programs.postgres, env: options.env });
  if (user.identity !== undefined) await chown(home, user.identity.uid, user.identity.gid);
  const env = { ...options.env, LC_ALL: "C", TZ: "UTC" };
  const directory = join(home, "data");
  await ensureCluster({ ...options, env, user, home, directory, initdb: programs.initdb });
  await clearStalePidFile(dataDir, directory);

  const logFile = join(dataDir, "logs", "postgres.log");
  const flags = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const command = user.wrap(programs.postgres, ["-D", directory, "-p", String(port), ...flags]);
  const server = spawnServer({
    ...command,
    env,
    dataDir,
    part: "postgres",
    logFile,
    hooks: options.hooks,
    stopSignal: "SIGINT",
  });
  const url = (name: string): string => `postgres://${owner}:${password}@127.0.0.1:${port}/${name}`;
  await waitUntilReady(server, {
    part: "postgres",
    logFile,
    timeoutMs: readyMsMax,
    hooks: options.hooks,
    probe: () => ensureDatabase(url("postgres")),
  });
  return { ...server, url: url(database) };
}

/** initdb into a folder beside the final one: a kill in its middle leaves nothing that looks finished. */
async function ensureCluster(options: {
  env: NodeJS.ProcessEnv;
  dataDir: string;
  password: string;
  user: PostgresUser;
  home: string;
  directory: string;
  initdb: string;
}): Promise<void> {
  const isThere = await stat(join(options.directory, "PG_VERSION")).then(
    () => true,
    () => false,
  );
  if (isThere) return;
  const draft = join(options.home, "data.draft");
  const passwordFile = join(options.home, "password.draft");
  await rm(draft, { recursive: true, force: true });
  await writePrivateFile(passwordFile, `${options.password}\n`);
  try {
    const { identity } = options.user;
    if (identity !== undefined) await chown(passwordFile, identity.uid, identity.gid);
    const { program, args, user } = options.user.wrap(options.initdb, [
      ...["--pgdata", draft, "--username", owner, "--pwfile", passwordFile],
      ...["--auth", "scram-sha-256", "--encoding", "UTF8", "--no-instructions"],
      ...["--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--locale", "C"],
    ]);
    const result = await runCommand(program, args, {
      env: { ...options.env, MILLRACE_DATA_DIR: options.dataDir, MILLRACE_PART: "postgres" },
      directory: "/",
      timeoutMs: initTimeoutMs,
      ...(user === undefined ? {} : { user }),
    });
    if (result.code !== 0) {
      throw new MillraceError("SERVICE_UNAVAILABLE", {
        message: `The Postgres cluster could not be created: ${lastLine(result.output)}`,
      });
    }
    await rename(draft, options.directory);
  } finally {
    await rm(passwordFile, { force: true });
  }
}

/**
 * postmaster.pid outlives a kill -9. Postgres removes it itself when its process is gone, but takes for its
 * running self a zombie that nobody has collected yet, and a stranger that got its number. The file also protects
 * from backends that still write: those work in the data directory, so they are found and ended here.
 */
async function clearStalePidFile(dataDir: string, directory: string): Promise<void> {
  const path = join(directory, "postmaster.pid");
  const text = await readFile(path, "utf8").catch(() => undefined);
  if (text === undefined) return;
  const marked = await findMarkedProcesses(dataDir, "MILLRACE_PART");
  const servers = marked.filter(({ value }) => value === "postgres").map(({ pid }) => pid);
  await Promise.all(servers.map((pid) => endProcess(pid, "SIGINT", orphanWaitMsMax)));
  const backends = await findProcessesIn(directory);
  await Promise.all(backends.map((pid) => endProcess(pid, "SIGQUIT", orphanWaitMsMax)));
  await rm(path, { force: true });
}

async function ensureDatabase(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on("error", () => {});
  await client.connect();
  try {
    const { rowCount } = await client.query("SELECT 1 FROM pg_database WHERE datname = $1", [database]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${database}`);
  } finally {
    await client.end();
  }
}
