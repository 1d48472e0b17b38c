// Short links at this edge, wired: what is known of links, how it is kept up to date, and the two handlers.
import type { NatsConnection } from "@nats-io/transport-node";
import type { Redis } from "ioredis";
import type { Registry } from "prom-client";
import type { Logger } from "#ops/runtime/log.ts";
import { linksChangedSubject, type LinkChange, type ResolveMany } from "#schemas/links/link-cache.ts";
import type { ResolvedLink } from "#schemas/links/link.ts";
import { callService } from "#streams/call-service.ts";
import type { Publisher } from "#streams/publisher.ts";
import type { Exchange, RequestHead } from "../server/exchange.ts";
import type { Handler } from "../server.ts";
import { AddressLimits } from "./address-limits.ts";
import { ClickLimits } from "./click-limits.ts";
import { LinkFinder } from "./find-link.ts";
import { LinkLookups } from "./link-lookups.ts";
import { LinkStore } from "./link-store.ts";
import { createLinkCounters, createLinkMetrics } from "./metrics.ts";
import { createDomainOf } from "./own-hosts.ts";
import { ClickRecorder, type Place } from "./record-clicks.ts";
import { createRedirect, type RedirectParts } from "./redirect.ts";
import { createUnlock } from "./unlock.ts";
import { Visitors } from "./visitors.ts";

const lookupMsMax = 2_000;
/** Comparing a password takes long on purpose. */
const unlockMsMax = 5_000;
/** The stored clicks of a link are counted once all that were made before are stored. */
const countMsMax = 10_000;

export interface LinksAtEdge {
  readonly redirect: Handler;
  readonly unlock: Handler;
  /** Tells the metrics, once there is a registry. */
  register(registry: Registry): void;
  stop(): void;
}

export function startLinks(options: {
  connection: NatsConnection;
  redis: Redis | undefined;
  publisher: Publisher;
  ownHosts: readonly string[];
  redirectsPerSecondMax: number;
  addressOf: (exchange: Exchange, head: RequestHead) => string;
  placeOf: (address: string) => Place | undefined;
  log: Logger;
}): LinksAtEdge {
  const { connection, redis, publisher, log } = options;
  const call = (method: string, payload: object, timeoutMs: number): Promise<unknown> =>
    callService(connection, `svc.links.${method}`, payload, { requestId: "link", projectId: 0, timeoutMs });

  const counters = createLinkCounters();
  const store = new LinkStore(redis);
  const lookups = new LinkLookups(
    async (addresses) =>
      (await call(
        "resolve_many",
        { addresses } satisfies ResolveMany,
        lookupMsMax,
      )) as (ResolvedLink | null)[],
  );
  const finder = new LinkFinder({
    sources: {
      read: (domain, code) => store.read(domain, code),
      put: (domain, code, cached) => store.put(domain, code, cached),
      resolve: (domain, code) => lookups.resolve(domain, code),
    },
    log,
    count: (source) => {
      counters.lookups[source] += 1;
    },
  });
  const visitors = new Visitors({
    readSalt: async (day) => ((await call("salt", { day }, lookupMsMax)) as { salt: string }).salt,
    log,
  });
  const parts: RedirectParts = {
    finder,
    clickLimits: new ClickLimits({
      redis,
      countStored: async ({ projectId, publicId }) => {
        const answer = await call("count_redirects", { projectId, linkId: publicId }, countMsMax);
        return (answer as { count: number }).count;
      },
    }),
    clicks: new ClickRecorder({ publisher, visitors, counters, placeOf: options.placeOf }),
    addressLimits: new AddressLimits(options.redirectsPerSecondMax),
    counters,
    domainOf: createDomainOf(options.ownHosts),
    addressOf: options.addressOf,
  };

  const changes = connection.subscribe(linksChangedSubject, {
    callback: (error, message) => {
      if (!error) finder.changed(message.json<LinkChange>());
    },
  });
  const projects = connection.subscribe("projects.changed", {
    callback: (error, message) => {
      if (!error) finder.forgetProject(message.json<{ projectId: number }>().projectId);
    },
  });
  void doubtAfterReconnects(connection, finder);
  return {
    redirect: createRedirect(parts),
    unlock: createUnlock(
      parts,
      async (request) => (await call("unlock", request, unlockMsMax)) as { ok: boolean; url: string | null },
    ),
    register(registry) {
      createLinkMetrics({
        registry,
        counters,
        read: () => ({
          links: finder.known.size,
          missing: finder.known.missing,
          bytes: finder.known.bytes,
        }),
      });
    },
    stop() {
      changes.unsubscribe();
      projects.unsubscribe();
      visitors.stop();
    },
  };
}

/** Announcements are not kept for those who were away. */
async function doubtAfterReconnects(connection: NatsConnection, finder: LinkFinder): Promise<void> {
  for await (const status of connection.status()) {
    if (status.type === "reconnect") finder.doubtAll();
  }
}
