// The workers tier: wires the pipeline's actors and the services of the write side; read top to bottom.
import { Piscina } from "piscina";
import { createClickHouse } from "#ops/runtime/clickhouse.ts";
import type { Config } from "#ops/runtime/config.ts";
import { Releasers, type Running } from "#ops/runtime/life-cycle.ts";
import type { Logger } from "#ops/runtime/log.ts";
import { createRegistry } from "#ops/runtime/metrics.ts";
import { createPostgres } from "#ops/runtime/postgres.ts";
import { selectorsOf } from "#schemas/selectors/selectors-of.ts";
import { ensureStreams } from "#streams/catalogue.ts";
import { connectNats } from "#streams/connect.ts";
import { readLogState } from "#streams/log-state.ts";
import { serveMetrics } from "#streams/metrics.ts";
import { publishStatus, type WorkersStatus } from "#streams/status.ts";
import { startAlerts } from "./alerts/start-alerts.ts";
import { CohortRefresher } from "./cohorts/cohort-refresher.ts";
import { serveCohorts } from "./cohorts/cohort-service.ts";
import { CohortStore } from "./cohorts/cohort-store.ts";
import { createCohortMetrics } from "./cohorts/metrics.ts";
import { RefreshLedger } from "./cohorts/refresh-ledger.ts";
import { PartitionLeases } from "./actors/partition-leases.ts";
import { Eraser } from "./erasure/eraser.ts";
import { ErasureLedger } from "./erasure/erasure-ledger.ts";
import { serveErasures } from "./erasure/erasure-service.ts";
import { createErasureMetrics } from "./erasure/metrics.ts";
import { EventWorkers } from "./events/event-workers.ts";
import { createPipelineMetrics } from "./events/metrics.ts";
import { DashboardStore } from "./insights/dashboard-store.ts";
import { FunnelDayKeeper } from "./insights/funnel-day-keeper.ts";
import { FunnelLedger } from "./insights/funnel-ledger.ts";
import { serveInsights } from "./insights/insight-service.ts";
import { createInsightMetrics } from "./insights/metrics.ts";
import { InsightStore } from "./insights/insight-store.ts";
import { JobLedger } from "./jobs/job-ledger.ts";
import { JobRunner } from "./jobs/job-runner.ts";
import { serveJobs } from "./jobs/job-service.ts";
import { JobStore } from "./jobs/job-store.ts";
import { createJobMetrics } from "./jobs/metrics.ts";
import { DemandStore } from "./partials/demand-store.ts";
import { DimensionStore } from "./partials/dimension-store.ts";
import { startLinks } from "./links/start-links.ts";
import { serveDimensions } from "./partials/dimension-service.ts";
import { Learner } from "./partials/learner.ts";
import { createPartialMetrics } from "./partials/metrics.ts";
import { PartialKeeper } from "./partials/partial-keeper.ts";
import { SelectorLedger } from "./partials/selector-ledger.ts";
import { registerSelectors } from "./partials/register-selectors.ts";
import { LiveInterests } from "./live/live-interests.ts";
import { ActivePlansReader } from "./plans/active-plans.ts";
import { servePlans } from "./plans/plan-service.ts";
import { QuarantineSweeper } from "./plans/sweep-quarantine.ts";
import { PlanStore } from "./plans/plan-store.ts";
import { PersonPublisher } from "./identity/publish-persons.ts";
import { serveUsers } from "./identity/user-service.ts";
import { startRetention } from "./retention/start-retention.ts";
import { ProjectStore, type ProjectKeys } from "./projects/project-store.ts";
import { serveProjects } from "./projects/project-service.ts";
import { RetentionCache } from "./projects/retention-cache.ts";
import { serveUploads } from "./uploads/upload-service.ts";
import { UploadStore } from "./uploads/upload-store.ts";

const postgresConnectionsMax = 12;

export async function start(config: Config, log: Logger): Promise<Running> {
  const { natsUrl, postgresUrl, clickhouseUrl } = requireStores(config);
  const instance = config.instance ?? `workers-${crypto.randomUUID().slice(0, 8)}`;
  const releasers = new Releasers(log);
  try {
    const connection = await connectNats({ url: natsUrl, name: instance, log });
    releasers.add("nats", () => connection.drain());
    const postgres = createPostgres(postgresUrl, { name: instance, connectionsMax: postgresConnectionsMax });
    releasers.add("postgres", () => postgres.end());
    const clickhouse = createClickHouse(clickhouseUrl, { name: instance });
    releasers.add("clickhouse", () => clickhouse.close());

    const { partitions } = await ensureStreams(connection, {
      partitions: config.partitions,
      replicas: config.natsReplicas,
      logBytesMax: config.logBytesMax,
    });
    const { logId } = await readLogState(connection);
    const registry = createRegistry({ tier: "workers", instance });
    const metrics = createPipelineMetrics(registry);
    const pool = new Piscina({
      filename: new URL("./events/pool.ts", import.meta.url).href,
      minThreads: 1,
      maxThreads: config.workerThreads,
      idleTimeout: 60_000,
    });
    releasers.add("pool", () => pool.destroy());

    const store = new ProjectStore(postgres);
    await store.ensureDefault(configuredKeys(config));
    const retention = new RetentionCache(store, log);
    releasers.add("retention", () => retention.stop());
    const projects = serveProjects({
      connection,
      store,
      clickhouse,
      clickhouseCluster: config.clickhouseCluster,
      postgres,
      log,
    });
    releasers.add("projects", () => projects.stop());
    const uploads = serveUploads({ connection, store: new UploadStore(postgres), log });
    releasers.add("uploads", () => uploads.stop());
    const links = startLinks({ config, connection, postgres, registry, log });
    releasers.add("links", () => links.stop());

    const persons = new PersonPublisher({
      postgres,
      clickhouse,
      clickhouseCluster: config.clickhouseCluster,
      log,
    });
    persons.start();
    releasers.add("persons", () => persons.stop());
    const users = serveUsers({ connection, postgres, clickhouse, persons, partitions, log });
    releasers.add("users", () => users.stop());

    const live = new LiveInterests({ connection, log });
    live.start();
    releasers.add("live interests", () => live.stop());

    const planStore = new PlanStore(postgres);
    const plans = new ActivePlansReader({ store: planStore, connection, log });
    releasers.add("tracking plans", () => plans.stop());
    await plans.load();
    const sweeper = new QuarantineSweeper({ postgres, clickhouse, log });
    sweeper.start();
    releasers.add("quarantine sweeper", () => sweeper.stop());
    const planService = servePlans({ connection, store: planStore, clickhouse, log });
    releasers.add("plans", () => planService.stop());

    const leases = new PartitionLeases({ postgres, instance, partitions, logId });
    await leases.ensureRows();
    const events = new EventWorkers(
      {
        config,
        connection,
        postgres,
        clickhouse,
        clickhouseUrl,
        postgresUrl,
        pool,
        log,
        metrics,
        persons,
        live,
        logId,
        partitions,
        plans,
        readRetention: () => retention.days,
      },
      leases,
    );
    events.start();
    releasers.add("events", () => events.stop());

    const retentionWork = startRetention({
      config,
      connection,
      postgres,
      clickhouseUrl,
      registry,
      instance,
      log,
    });
    releasers.add("retention work", () => retentionWork.stop());

    const erasureLedger = new ErasureLedger(postgres);
    const eraser = new Eraser({
      connection,
      postgres,
      clickhouse,
      clickhouseCluster: config.clickhouseCluster,
      persons,
      archives: retentionWork.archives,
      partitions,
      ledger: erasureLedger,
      metrics: createErasureMetrics(registry, erasureLedger),
      log,
    });
    eraser.start();
    releasers.add("eraser", () => eraser.stop());
    const erasures = serveErasures({ connection, ledger: erasureLedger, onCreate: () => eraser.wake(), log });
    releasers.add("erasures", () => erasures.stop());

    const ledger = new RefreshLedger(postgres);
    const refresher = new CohortRefresher({
      stores: { connection, postgres, clickhouse },
      ledger,
      metrics: createCohortMetrics(registry, ledger),
      log,
    });
    refresher.start();
    releasers.add("cohort refreshes", () => refresher.stop());
    const cohorts = serveCohorts({
      connection,
      store: new CohortStore(postgres),
      refresher,
      clickhouse,
      log,
    });
    releasers.add("cohorts", () => cohorts.stop());

    const funnelLedger = new FunnelLedger(postgres);
    const funnelDays = new FunnelDayKeeper({
      connection,
      clickhouse,
      clickhouseCluster: config.clickhouseCluster,
      ledger: funnelLedger,
      metrics: createInsightMetrics(registry, funnelLedger),
      log,
    });
    funnelDays.start();
    releasers.add("days of funnels", () => funnelDays.stop());
    const insights = serveInsights({
      connection,
      insights: new InsightStore(postgres),
      dashboards: new DashboardStore(postgres),
      log,
    });
    releasers.add("insights", () => insights.stop());

    const jobLedger = new JobLedger(postgres);
    const jobRunner = new JobRunner({
      connection,
      clickhouse,
      ledger: jobLedger,
      metrics: createJobMetrics(registry, jobLedger),
      log,
    });
    jobRunner.start();
    releasers.add("job runs", () => jobRunner.stop());
    const jobs = serveJobs({ connection, store: new JobStore(postgres), runner: jobRunner, log });
    releasers.add("jobs", () => jobs.stop());

    const selectors = new SelectorLedger(postgres);
    const partialMetrics = createPartialMetrics(registry, selectors);
    const partials = new PartialKeeper({
      connection,
      clickhouse,
      clickhouseCluster: config.clickhouseCluster,
      ledger: selectors,
      metrics: partialMetrics,
      log,
    });
    partials.start();
    releasers.add("partials", () => partials.stop());
    const demand = new DemandStore(postgres);
    const learner = new Learner({
      clickhouse,
      store: demand,
      learnedMax: config.learnedSelectorsMax,
      metrics: partialMetrics,
      onChange: () => partials.wake(),
      log,
    });
    learner.start();
    releasers.add("learner", () => learner.stop());
    const dimensions = serveDimensions({
      connection,
      store: new DimensionStore(postgres),
      demand,
      learner,
      onChange: () => partials.wake(),
      log,
    });
    releasers.add("dimensions", () => dimensions.stop());

    const alerts = startAlerts({
      config,
      connection,
      postgres,
      registry,
      onChange: async (client, projectId, id, query) => {
        const definitions = query === null ? [] : selectorsOf("trends", query);
        await registerSelectors(client, projectId, `alert:${id}`, definitions);
      },
      log,
    });
    releasers.add("alerts", () => alerts.stop());

    const metricsService = serveMetrics(connection, registry);
    releasers.add("metrics", () => metricsService.stop());
    const status = publishStatus(connection, {
      tier: "workers",
      instance,
      read: () => readStatus(events, metrics),
    });
    releasers.add("status", () => status.stop());
    log.info({ partitions }, "workers ready");
    return { stop: () => releasers.releaseAll() };
  } catch (error) {
    await releasers.releaseAll();
    throw error;
  }
}

function requireStores(config: Config): { natsUrl: string; postgresUrl: string; clickhouseUrl: string } {
  const { natsUrl, postgresUrl, clickhouseUrl } = config;
  if (natsUrl === undefined || postgresUrl === undefined || clickhouseUrl === undefined) {
    throw new Error("workers need MILLRACE_NATS_URL, MILLRACE_POSTGRES_URL and MILLRACE_CLICKHOUSE_URL");
  }
  return { natsUrl, postgresUrl, clickhouseUrl };
}

function configuredKeys(config: Config): Partial<ProjectKeys> {
  return {
    ...(config.writeKey === undefined ? {} : { write: config.writeKey }),
    ...(config.readKey === undefined ? {} : { read: config.readKey }),
    ...(config.adminKey === undefined ? {} : { admin: config.adminKey }),
  };
}

function readStatus(events: EventWorkers, metrics: ReturnType<typeof createPipelineMetrics>): WorkersStatus {
  const count = (counter: { hashMap?: Record<string, { value: number }> }): number =>
    Object.values(counter.hashMap ?? {})[0]?.value ?? 0;
  return {
    ready: events.ready,
    partitions: events.progress,
    eventsStored: count(metrics.eventsStored as never),
    duplicates: count(metrics.duplicates as never),
    quarantined: count(metrics.quarantined as never),
  };
}
