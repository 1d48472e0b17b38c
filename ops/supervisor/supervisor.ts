// Runs a whole installation on one machine: opens the data directory, starts the embedded servers, brings the
// tables up to date, starts the tiers, and keeps all of it running until asked to stop; then drains it in order.
import { join } from "node:path";
import { MillraceError } from "#schemas/errors.ts";
import { lockDataDir, makeDataDir, type DataDirLock } from "../embedded/data-dir.ts";
import { inheritedEnvironment } from "../embedded/environment.ts";
import { endOrphans, stopSignalOf } from "../embedded/orphans.ts";
import { prepareParts, type PartName, type PartServer } from "../embedded/parts.ts";
import { endRunningCommands } from "../embedded/run-command.ts";
import { startWarden, type Warden } from "../embedded/warden.ts";
import type { Config } from "../runtime/config.ts";
import { exitCodes } from "../runtime/life-cycle.ts";
import { ensureDefaultKeys, keysPath } from "./default-keys.ts";
import { ensureSecretsKey } from "./secrets-key.ts";
import { edgeUrl, requireFreeEdgePort, waitUntilEdgeReady } from "./edge.ts";
import { keepRunning, type Child, type KeptPart } from "./keep-running.ts";
import { watchLogFiles } from "./log-files.ts";
import { embeddedParts, planTiers } from "./parts.ts";
import { runMigrations } from "./run-migrations.ts";
import { writeServerUrls, type ServerUrls } from "./server-urls.ts";
import { listenForStop } from "./stop-request.ts";
import { startTier } from "./tier-process.ts";

export type SupervisorOptions = {
  config: Config;
  /** What the tiers inherit. */
  env: NodeJS.ProcessEnv;
  launcherPipe: number | undefined;
  print: (line: string) => void;
  printError: (line: string) => void;
};

/** Of the 10 s that a stop may take: when the rest is killed, and how much the edge may use to finish requests. */
const killAfterMs = 8_000;
const edgeDrainMsMax = 3_500;
/** Left for the servers when workers and query use all they may. */
const serversMs = 1_500;

/** Resolves with the exit code when everything it started is gone. */
export async function runSupervisor(options: SupervisorOptions): Promise<number> {
  const stop = listenForStop({ launcherPipe: options.launcherPipe });
  const installation = new Installation(options);
  let code: number = exitCodes.ok;
  // A start that succeeded resolves nothing: only a failure or a request to stop ends the wait.
  const failed = new Promise<{ error: unknown }>((resolve) => {
    installation.start().catch((error: unknown) => resolve({ error }));
  });
  const outcome = await Promise.race([failed, stop.requested]);
  if (typeof outcome === "string") {
    options.print(`stopping (${outcome})`);
  } else {
    const { error } = outcome;
    options.printError(error instanceof MillraceError ? error.message : String(error));
    code = exitCodes.failed;
  }
  void stop.hurried.then(() => installation.killAll());
  await installation.stop();
  stop.release();
  if (code === exitCodes.ok) options.print("stopped");
  return code;
}

class Installation {
  readonly #options: SupervisorOptions;
  readonly #edge: KeptPart<Child>[] = [];
  readonly #inner: KeptPart<Child>[] = [];
  readonly #servers: KeptPart<PartServer>[] = [];
  readonly #pids = new Set<number>();
  #isStopping = false;
  #lock: DataDirLock | undefined;
  #warden: Warden | undefined;
  #logs: { stop(): Promise<void> } | undefined;

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { config, print } = this.#options;
    const { dataDir } = config;
    await makeDataDir(dataDir);
    this.#lock = await lockDataDir(dataDir, {
      onWait: (pid) => print(`waiting for process ${pid}, which is stopping`),
      isCancelled: () => this.#isStopping,
    });
    await endOrphans(dataDir, print);
    await requireFreeEdgePort(config);
    this.#proceed();
    this.#warden = startWarden({ dataDir, env: inheritedEnvironment() });
    this.#logs = watchLogFiles({ directory: join(dataDir, "logs"), show: this.#options.printError });
    print(`data in ${dataDir}`);

    const { keys, isNew } = await ensureDefaultKeys(config);
    const secretsKey = await ensureSecretsKey(config);
    const urls = await this.#startServers();
    await writeServerUrls(dataDir, urls);
    this.#proceed();
    const { applied } = await runMigrations({
      postgresUrl: urls.postgres,
      clickhouseUrl: urls.clickhouse,
      cluster: config.clickhouseCluster,
    });
    print(
      applied.length === 0 ? "tables up to date" : `tables up to date (${applied.length} migrations applied)`,
    );

    const tiers = planTiers({ config, env: this.#options.env, urls, keys, secretsKey });
    for (const { tier, instance, env } of tiers) {
      this.#proceed();
      const group = tier === "ingest" ? this.#edge : this.#inner;
      group.push(
        keepRunning({
          name: instance,
          start: () => Promise.resolve(startTier({ tier, instance, dataDir, env })),
          onStart: ({ pid }) => {
            this.#pids.add(pid);
            this.#warden?.waitFor(pid);
          },
          onExit: ({ pid }) => this.#forget(pid),
          report: this.#report,
        }),
      );
    }
    print(`${tiers.map(({ instance }) => instance).join(", ")} starting`);
    await waitUntilEdgeReady(config, { isCancelled: () => this.#isStopping, print });

    const path = keysPath(dataDir);
    if (isNew) {
      print("");
      for (const [scope, key] of Object.entries(keys)) print(`  ${`${scope} key`.padEnd(10)} ${key}`);
      print(`  shown this once, kept in ${path}`);
    } else {
      print(`keys are in ${path}`);
    }
    print(`ready ${edgeUrl(config)}`);
  }

  /** Starts the embedded ones at the same time; the configured ones are taken as they are. */
  async #startServers(): Promise<ServerUrls> {
    const { config, print } = this.#options;
    const parts = await prepareParts({
      dataDir: config.dataDir,
      parts: embeddedParts(config),
      env: inheritedEnvironment(),
      log: print,
      clickhouseMemoryBytesMax: config.clickhouseMemoryBytesMax,
      logBytesMax: config.logBytesMax,
    });
    this.#proceed();
    const running = new Map<PartName, PartServer>();
    await Promise.all(
      parts.map(async ({ name, title, start }) => {
        const kept = keepRunning({
          name,
          start: (signal) =>
            start({
              signal,
              onSpawn: ({ pid, exited }) => {
                this.#pids.add(pid);
                this.#warden?.watch(pid, stopSignalOf(name));
                void exited.then(() => this.#forget(pid));
              },
            }),
          onStart: ({ url }) => this.#report(`${title} ready on ${new URL(url).host}`),
          report: this.#report,
        });
        this.#servers.push(kept);
        running.set(name, await kept.started);
      }),
    );
    const urlOf = (name: PartName, configured: string | undefined): string =>
      configured ?? running.get(name)?.url ?? "";
    const clickhouse = urlOf("clickhouse", config.clickhouseUrl);
    return {
      nats: urlOf("nats", config.natsUrl),
      redis: urlOf("valkey", config.redisUrl),
      postgres: urlOf("postgres", config.postgresUrl),
      clickhouse,
      clickhouseRead: running.get("clickhouse")?.readUrl ?? clickhouse,
    };
  }

  /** Edge, then workers and query, then servers: each may still use what stops after it. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    const deadline = Date.now() + killAfterMs;
    endRunningCommands();
    // Only told to those who wait for the data directory; a full disk or a removed one must not stop the stop.
    await this.#lock?.announceStop().catch(() => {});
    const left = (): number => Math.max(0, deadline - Date.now());
    await stopGroup(this.#edge, Math.min(edgeDrainMsMax, left()));
    await stopGroup(this.#inner, Math.max(0, left() - serversMs));
    await stopGroup(this.#servers, left());
    await this.#warden?.stop();
    await this.#logs?.stop();
    await this.#lock?.release();
  }

  killAll(): void {
    for (const pid of this.#pids) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // Gone by itself.
      }
    }
  }

  /** Called between the steps of the start: a stop in the meantime ends it. */
  #proceed(): void {
    if (this.#isStopping) throw new MillraceError("SHUTTING_DOWN");
  }

  #forget(pid: number): void {
    this.#pids.delete(pid);
    this.#warden?.forget(pid);
  }

  readonly #report = (line: string): void => {
    if (!this.#isStopping) this.#options.print(line);
  };
}

async function stopGroup(parts: readonly KeptPart<Child>[], withinMs: number): Promise<void> {
  await Promise.all(parts.map((part) => part.stop(withinMs)));
}
