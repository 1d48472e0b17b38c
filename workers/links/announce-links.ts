// Tells the edges what stands at an address: Redis first, so that whoever forgets what it knew reads the new one, then
// the announcement. An edge that hears nothing follows within linkCacheLimits.knownMsMax.
import { Redis } from "ioredis";
import type { NatsConnection } from "@nats-io/transport-node";
import {
  encodeCachedLink,
  linkCacheLimits,
  linkClicksKey,
  linkKey,
  linksChangedSubject,
  putLinksScript,
} from "#schemas/links/link-cache.ts";
import type { AddressChange } from "./link-store.ts";

const commandMsMax = 300;
const reconnectMsMax = 2_000;

/** Undefined without Redis. Never waited for: what it holds may be lost. */
export function connectLinkCache(url: string | undefined): Redis | undefined {
  if (url === undefined) return undefined;
  const redis = new Redis(url, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: commandMsMax,
    retryStrategy: (attempt) => Math.min(attempt * 100, reconnectMsMax),
  });
  // The edges say when it is away; links work without it.
  redis.on("error", () => undefined);
  return redis;
}

export class LinkAnnouncer {
  readonly #connection: NatsConnection;
  readonly #redis: Redis | undefined;

  constructor(connection: NatsConnection, redis: Redis | undefined) {
    this.#connection = connection;
    this.#redis = redis;
  }

  /** `isNew`: they were just made, so nobody has clicked yet. */
  async announce(changes: readonly AddressChange[], isNew = false): Promise<void> {
    if (this.#redis?.status === "ready") {
      const pipeline = this.#redis.pipeline();
      for (const { domain, code, version, link } of changes) {
        const text = encodeCachedLink({ version, link });
        pipeline.eval(putLinksScript, 1, linkKey(domain, code), version, text, linkCacheLimits.knownMsMax);
        if (isNew && link !== null && link.maxClicks !== null) {
          pipeline.set(linkClicksKey(link.id), 0, "PX", linkCacheLimits.clicksMs, "NX");
        }
      }
      await pipeline.exec().catch(() => undefined);
    }
    for (const { domain, code, version } of changes) {
      this.#connection.publish(linksChangedSubject, JSON.stringify({ domain, code, version }));
    }
    await this.#connection.flush();
  }
}
