// The query tier: answers what is asked over what the workers stored. Reads only; any number of processes.
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { jetstreamManager } from "@nats-io/jetstream";
import { createClickHouse } from "#ops/runtime/clickhouse.ts";
import type { Config } from "#ops/runtime/config.ts";
import { Releasers, type Running } from "#ops/runtime/life-cycle.ts";
import type { Logger } from "#ops/runtime/log.ts";
import { createRegistry } from "#ops/runtime/metrics.ts";
import { createPostgres } from "#ops/runtime/postgres.ts";
import { ensureStreams } from "#streams/catalogue.ts";
import { connectNats } from "#streams/connect.ts";
import { readLogState } from "#streams/log-state.ts";
import { serveMetrics } from "#streams/metrics.ts";
import { serve } from "#streams/services.ts";
import { collectStatus, publishStatus } from "#streams/status.ts";
import { Budgets } from "./budget/budgets.ts";
import { FairGate } from "./budget/fair-gate.ts";
import { createBudgetMetrics } from "./budget/metrics.ts";
import { Pressure } from "./budget/pressure.ts";
import { QueryCosts } from "./budget/query-costs.ts";
import { Answers } from "./cache/answers.ts";
import { KeptAnswers } from "./cache/kept-answers.ts";
import { createCacheMetrics } from "./cache/metrics.ts";
import { RefreshAhead } from "./cache/refresh-ahead.ts";
import { SharedAnswers } from "./cache/shared-answers.ts";
import { createQueryMetrics } from "./metrics.ts";
import { KeptStates } from "./partials/kept-states.ts";
import { startSelectorDemand } from "./partials/selector-demand.ts";
import type { QueryContext } from "./query-context.ts";
import { buildMethods, buildStreams } from "./routes.ts";
import { ReadOnlySettings } from "./store/read-only.ts";
import { streamPauseSecondsMax } from "./store/stream-statement.ts";
import { Throughput } from "./system/throughput.ts";
import { columnParts } from "./step-columns/column-parts.ts";
import { ColumnFiles } from "./step-columns/files/column-files.ts";
import { FileSweeper } from "./step-columns/files/file-sweeper.ts";
import { PrepareColumns } from "./step-columns/prepare-columns.ts";
import { StepColumns } from "./step-columns/step-columns.ts";
import { createTaskPool } from "./task-pool.ts";
import { WatermarkReader } from "./watermark.ts";

/** Calls worked on at once by one process, those that wait for their turn too; more are sent elsewhere. */
const callsAtOnceMax = 512;
const clickhouseConnectionsMax = 32;
/** For statements of a few milliseconds, which say whether a kept answer is still true. */
const versionConnectionsMax = 8;
/**
 * Queries that run at once: those that are over soon, those that keep all cores busy, those that nobody waits for. More
 * light ones would not be answered sooner, and whoever stores events would get a smaller share of the cores.
 */
const places = { light: Math.max(4, 2 * availableParallelism()), heavy: 2, background: 1 } as const;
/**
 * How old an answer may be while more is asked than can be answered: it is made again from its first second on, so it is
 * as old as making all of them takes. A bound that is too near makes everybody wait for what is made for nobody.
 */
const pressedLatenessMs = 10_000;
/** More wait for one to end. */
const exportsAtOnceMax = 8;
const postgresConnectionsMax = 8;
/** How the embedded log's server names itself; its settings are ours. */
const embeddedServerName = "millrace-embedded";
/** What a server takes that does not say. */
const answerBytesDefault = 1024 * 1024;

export async function start(config: Config, log: Logger): Promise<Running> {
  const { natsUrl, clickhouseUrl, postgresUrl } = config;
  if (natsUrl === undefined || clickhouseUrl === undefined || postgresUrl === undefined) {
    throw new Error("the query tier needs the URLs of NATS, ClickHouse and Postgres");
  }
  const instance = config.instance ?? "query";
  const releasers = new Releasers(log);
  try {
    const connection = await connectNats({ url: natsUrl, name: instance, log });
    releasers.add("nats", () => connection.close());
    const clickhouse = createClickHouse(clickhouseUrl, {
      name: instance,
      connectionsMax: clickhouseConnectionsMax,
    });
    releasers.add("clickhouse", () => clickhouse.close());
    const exportClickHouse = createClickHouse(clickhouseUrl, {
      name: `${instance}-export`,
      connectionsMax: exportsAtOnceMax,
      requestMsMax: streamPauseSecondsMax * 1000,
    });
    releasers.add("clickhouse exports", () => exportClickHouse.close());
    const versionClickHouse = createClickHouse(clickhouseUrl, {
      name: `${instance}-versions`,
      connectionsMax: versionConnectionsMax,
    });
    releasers.add("clickhouse versions", () => versionClickHouse.close());
    const postgres = createPostgres(postgresUrl, { name: instance, connectionsMax: postgresConnectionsMax });
    releasers.add("postgres", () => postgres.end());

    const pool = createTaskPool(config.queryThreads, Math.min(config.queryThreads, columnParts));
    releasers.add("pool", () => pool.destroy());

    const { partitions } = await ensureStreams(connection, {
      partitions: config.partitions,
      replicas: config.natsReplicas,
      logBytesMax: config.logBytesMax,
    });
    const registry = createRegistry({ tier: "query", instance });
    const logAccess = {
      manager: await jetstreamManager(connection),
      partitions,
      replicas: config.natsReplicas,
    };
    const readOnly = new ReadOnlySettings(clickhouse);
    const board = collectStatus(connection);
    releasers.add("status board", () => board.stop());
    const throughput = new Throughput(board);
    releasers.add("throughput", () => throughput.stop());
    const metricsOfQueries = createQueryMetrics(registry);
    const { logId: installation } = await readLogState(connection);
    const shared =
      config.redisUrl === undefined
        ? undefined
        : new SharedAnswers({ url: config.redisUrl, installation, log });
    releasers.add("shared answers", () => shared?.stop());
    const kept = new KeptAnswers({ bytesMax: config.queryCacheBytesMax });
    const gate = new FairGate(places);
    const pressure = new Pressure(gate);
    const answers = new Answers({
      store: { clickhouse: versionClickHouse, readOnly, metrics: metricsOfQueries },
      postgres,
      kept,
      shared,
      lateness: () => {
        const peopleMs = pressure.high ? pressedLatenessMs : 0;
        return { eventsMs: Math.max(peopleMs, config.queryStaleMsMax), peopleMs };
      },
      metrics: createCacheMetrics(registry, () => kept.bytes),
      log,
    });
    const refreshAhead = new RefreshAhead({ stateOf: (projectId) => answers.stateOf(projectId), log });
    refreshAhead.start();
    releasers.add("refreshing ahead", () => refreshAhead.stop());
    const demand = config.learnedSelectorsMax === 0 ? undefined : startSelectorDemand(connection, log);
    releasers.add("demand for selectors", () => demand?.stop());
    const files =
      config.queryColumnsDiskBytesMax === 0
        ? undefined
        : new ColumnFiles({
            directory: join(config.dataDir, "query", "columns"),
            ...{ installation, pool, log, metrics: metricsOfQueries },
            bytesMax: config.queryColumnsDiskBytesMax,
          });
    const context: QueryContext = {
      store: { clickhouse, readOnly, metrics: metricsOfQueries },
      exportStore: { clickhouse: exportClickHouse, readOnly },
      stepColumns: new StepColumns({
        url: clickhouseUrl,
        bytesMax: config.queryResidentBytesMax,
        metrics: metricsOfQueries,
        ...(files === undefined ? {} : { files }),
      }),
      postgres,
      pool,
      logAccess,
      watermark: new WatermarkReader({ logAccess, postgres, log }),
      answers,
      refreshAhead,
      keptStates: new KeptStates(),
      demand,
      budgets: new Budgets({
        gate,
        costs: new QueryCosts(),
        metrics: createBudgetMetrics(registry, gate),
      }),
      connection,
      board,
      throughput,
      logIsEmbedded: connection.info?.server_name === embeddedServerName,
      answerBytesMax: () => connection.info?.max_payload ?? answerBytesDefault,
      log,
    };

    if (files !== undefined) {
      const sweeper = new FileSweeper({ files, postgres, log, metrics: metricsOfQueries });
      sweeper.start();
      releasers.add("files of columns", () => sweeper.stop());
      const preparing = new PrepareColumns({ ...context, columns: context.stepColumns, files, gate });
      preparing.start();
      releasers.add("preparing columns", () => preparing.stop());
    }

    const metrics = serveMetrics(connection, registry);
    releasers.add("metrics", () => metrics.stop());
    const service = serve(connection, {
      service: "query",
      log,
      methods: buildMethods(context),
      streams: buildStreams(context),
      concurrencyMax: callsAtOnceMax,
    });
    releasers.add("service", () => service.stop());
    const status = publishStatus(connection, { tier: "query", instance, read: () => ({ ready: true }) });
    releasers.add("status", () => status.stop());
    log.info("query tier ready");
  } catch (error) {
    await releasers.releaseAll();
    throw error;
  }
  return { stop: () => releasers.releaseAll() };
}
