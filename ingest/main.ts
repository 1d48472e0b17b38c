// The edge, wired by hand: connections, access, the publisher, routes, the server. Read top to bottom.
import { readFile } from "node:fs/promises";
import type { NatsConnection } from "@nats-io/transport-node";
import type { Config } from "#ops/runtime/config.ts";
import { Releasers, type Running } from "#ops/runtime/life-cycle.ts";
import type { Logger } from "#ops/runtime/log.ts";
import { createRegistry } from "#ops/runtime/metrics.ts";
import { eventLimits } from "#schemas/events/event.ts";
import type { ResolvedKey } from "#schemas/projects/project.ts";
import { callService } from "#streams/call-service.ts";
import { ensureStreams } from "#streams/catalogue.ts";
import { connectNats } from "#streams/connect.ts";
import { serveMetrics } from "#streams/metrics.ts";
import { publisherLimits } from "#streams/publisher-limits.ts";
import { Publisher } from "#streams/publisher.ts";
import { collectStatus, publishStatus } from "#streams/status.ts";
import { connectRedis } from "./access/connect-redis.ts";
import { KeyCache } from "./access/key-cache.ts";
import { RateLimits } from "./access/rate-limits.ts";
import { RequestWindows } from "./access/request-windows.ts";
import { startAccess } from "./access/start-access.ts";
import { Admission } from "./admission.ts";
import { createReadOrigin } from "./events/origin.ts";
import { openPlaces } from "./geo/places.ts";
import { createIngestMetrics, type IngestMetrics } from "./metrics.ts";
import { Intake, type EventsObserver } from "./events/intake.ts";
import { createReceiveFrames } from "./events/receive-frames.ts";
import { RejectingPlans } from "./plans/rejecting-plans.ts";
import { createReplayQuarantine } from "./plans/replay-quarantine.ts";
import { answerUnknown, createFallbackTraits, createRoutes } from "./routes.ts";
import { createServer } from "./server.ts";
import { BodyBudget } from "./server/body-budget.ts";
import { createReceiveClicks } from "./links/live-clicks.ts";
import { startLinks } from "./links/start-links.ts";
import { startLive } from "./live/start-live.ts";
import { startUploads } from "./uploads/start-uploads.ts";
import { createHealth, createReadiness } from "./system/readiness.ts";
import { createShowMetrics } from "./system/show-metrics.ts";

/** A body must be whole after this time, however slowly it comes. */
const bodyDeadlineMsMax = 60_000;
/** Bodies in flight of all requests together; at least a few of the largest fit. */
const bodiesBytesMax = 256 * 1024 * 1024;
const lookupMsMax = 2_000;
const ensureRetryMs = 500;
/** For queries and exports under way; the publisher has waited before. */
const drainMsMax = 1_500;

export interface RunningIngest extends Running {
  /** The port that is listened on, also when the configured one is 0. */
  readonly port: number;
}

/** `tuning` is for tests that cannot wait as long as real clients may. */
export async function start(
  config: Config,
  log: Logger,
  tuning: { bodyDeadlineMs?: number } = {},
): Promise<RunningIngest> {
  if (config.natsUrl === undefined) throw new Error("the ingest tier needs MILLRACE_NATS_URL");
  const instance = config.instance ?? `ingest-${process.pid}`;
  const releasers = new Releasers(log);
  try {
    const connection = await connectNats({ url: config.natsUrl, name: instance, log });
    releasers.add("connection to the log", () => connection.close());
    const partitions = await ensureLog(connection, config, log);

    const keys = new KeyCache({ lookup: (keyHash) => lookUpKey(connection, keyHash) });
    const live = startLive({ connection, keys, edge: instance, log });
    releasers.add("live", () => live.stop());
    const changes = connection.subscribe("projects.changed", {
      callback: (error, message) => {
        if (error) return;
        const { projectId } = message.json<{ projectId: number }>();
        keys.forgetProject(projectId);
        live.recheck(projectId);
      },
    });
    releasers.add("project changes", () => changes.unsubscribe());
    const redis = config.redisUrl === undefined ? undefined : connectRedis(config.redisUrl, log);
    if (redis !== undefined) releasers.add("redis", () => redis.disconnect());
    const limits = new RateLimits({ redis });
    const { trustedProxies } = config;
    const access = startAccess({ connection, redis, keys, trustedProxies, log });
    releasers.add("access", () => access.stop());
    const board = collectStatus(connection);
    releasers.add("status board", () => board.stop());

    // The publisher and the routes are counted by metrics, which need the routes' names and the publisher's state.
    const budget = new BodyBudget(Math.max(bodiesBytesMax, config.bodyBytesMax * 4));
    const observers: { current: IngestMetrics | undefined } = { current: undefined };
    const publisher = new Publisher({
      connection,
      partitions,
      log,
      limits: { pendingBytesMax: Math.max(publisherLimits.pendingBytesMax, config.bodyBytesMax * 2) },
      observer: {
        blockStored: (events, bytes, latencyMs) =>
          observers.current?.blocks.blockStored(events, bytes, latencyMs),
        blockFailed: (events) => observers.current?.blocks.blockFailed(events),
      },
    });
    releasers.add("publisher", () => publisher.stop());
    const admission = new Admission({ publisher, board, lagEventsMax: config.lagEventsMax });
    releasers.add("admission", () => admission.stop());

    const observer: EventsObserver = {
      accepted: (events, bytes) => observers.current?.events.accepted(events, bytes),
      rejected: (code) => observers.current?.events.rejected(code),
    };
    const places = await openPlaces(config.geoFile, log);
    releasers.add("places", () => places.stop());
    const originOf = createReadOrigin(places, access.clientAddress);
    const plans = new RejectingPlans({
      connection,
      log,
      onViolation: (violation) => access.use.violation(violation),
    });
    releasers.add("tracking plans", () => plans.stop());
    const intake = new Intake({
      limits,
      quotas: access.quotas,
      use: access.use,
      admission,
      publisher,
      observer,
      plans,
      places,
      eventBytesMax: eventLimits.eventBytesMax,
    });
    const uploads = await startUploads({
      config,
      connection,
      keys,
      access,
      intake,
      publisher,
      observer,
      log,
    });
    releasers.add("uploads", () => uploads.stop());
    const links = startLinks({
      connection,
      redis,
      publisher,
      ownHosts: [config.host, new URL(config.publicUrl).host],
      redirectsPerSecondMax: config.redirectsPerSecondMax,
      addressOf: (exchange, head) => access.clientAddress(head, exchange.remoteAddress),
      placeOf: (address) => places.lookUp(address),
      log,
    });
    releasers.add("links", () => links.stop());
    const routes = createRoutes({
      receiveUpload: uploads.receive,
      replayQuarantine: createReplayQuarantine({ connection, keys, access, intake }),
      receiveListener: live.receive,
      receiveClicks: createReceiveClicks({ connection, keys, openLive: live.openLive }),
      links,
      events: {
        keys,
        intake,
        originOf,
        log,
        bodyBytesMax: config.bodyBytesMax,
        eventsPerRequestMax: config.eventsPerRequestMax,
        bodyDeadlineMs: tuning.bodyDeadlineMs ?? bodyDeadlineMsMax,
      },
      services: {
        connection,
        keys,
        ...access,
        linkRequests: new RequestWindows({
          redis,
          name: "links",
          requestsMax: config.linksRequestsPerMinute,
        }),
      },
      version: await readVersion(),
      health: createHealth(),
      readiness: createReadiness({ publisher, board }),
      metrics: createShowMetrics({ connection, keys, board }),
    });
    const fallbackTraits = createFallbackTraits(routes);
    const registry = createRegistry({ tier: "ingest", instance });
    const metrics = createIngestMetrics({
      registry,
      routes: [...routes, fallbackTraits],
      read: () => ({
        pendingBytes: publisher.pendingBytes,
        bodyBytes: budget.bytes,
        lagEvents: admission.pendingEvents,
      }),
    });
    observers.current = metrics;
    live.register(registry);
    links.register(registry);
    const metricsAnswers = serveMetrics(connection, registry);
    releasers.add("metrics", () => metricsAnswers.stop());

    const server = createServer({
      routes,
      sockets: [
        live.socket,
        {
          path: "/v1/ingest",
          frameBytesMax: config.bodyBytesMax,
          open: createReceiveFrames({
            keys,
            intake,
            originOf,
            budget,
            log,
            eventsPerRequestMax: config.eventsPerRequestMax,
          }),
        },
      ],
      fallback: answerUnknown,
      fallbackTraits,
      observer: metrics.exchanges,
      budget,
      log,
    });
    const port = await server.listen(config.host, config.port);
    releasers.add("server", () => server.close());
    const status = publishStatus(connection, { tier: "ingest", instance, read: () => ({ ready: true }) });
    releasers.add("status", () => status.stop());
    log.info({ port, partitions }, "edge listening");
    return {
      port,
      async stop() {
        server.stopListening();
        live.stop();
        // What was taken is confirmed before connections end; what comes now is answered SHUTTING_DOWN.
        await Promise.all([uploads.stop(), publisher.stop()]);
        await server.drain(drainMsMax);
        await releasers.releaseAll();
      },
    };
  } catch (error) {
    await releasers.releaseAll();
    throw error;
  }
}

/** The log may still be starting: asked again until it answers; the process can be stopped meanwhile. */
async function ensureLog(connection: NatsConnection, config: Config, log: Logger): Promise<number> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      const { partitions } = await ensureStreams(connection, {
        partitions: config.partitions,
        replicas: config.natsReplicas,
        logBytesMax: config.logBytesMax,
      });
      return partitions;
    } catch (error) {
      if (attempt % 20 === 0) log.warn({ err: error }, "the log's streams cannot be ensured yet");
      await new Promise((resolve) => {
        setTimeout(resolve, ensureRetryMs);
      });
    }
  }
}

async function lookUpKey(connection: NatsConnection, keyHash: string): Promise<ResolvedKey | null> {
  const found = await callService(
    connection,
    "svc.projects.resolve_key",
    { keyHash },
    { requestId: "key", projectId: 0, timeoutMs: lookupMsMax },
  );
  return found as ResolvedKey | null;
}

async function readVersion(): Promise<string> {
  const manifest = await readFile(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}
