// Links in Redis as an edge reads and writes them. Nothing waits for a Redis that is away: after a failure it is left
// alone for a second.
import type { Redis } from "ioredis";
import {
  decodeCachedLink,
  encodeCachedLink,
  linkCacheLimits,
  linkKey,
  putLinkScript,
  type CachedLink,
} from "#schemas/links/link-cache.ts";

const pauseMs = 1_000;

/** What stands in Redis, and how long it will. */
export interface StoredLink extends CachedLink {
  readonly restMs: number;
}

export class LinkStore {
  readonly #redis: Redis | undefined;
  #pausedUntilMs = 0;

  constructor(redis: Redis | undefined) {
    this.#redis = redis;
  }

  /** Undefined when nothing is there or Redis is away. */
  async read(domain: string, code: string): Promise<StoredLink | undefined> {
    const redis = this.#available();
    if (redis === undefined) return undefined;
    const key = linkKey(domain, code);
    try {
      const [text, restMs] = await Promise.all([redis.get(key), redis.pttl(key)]);
      const cached = text === null ? undefined : decodeCachedLink(text);
      return cached === undefined || restMs <= 0 ? undefined : { ...cached, restMs };
    } catch {
      this.#pause();
      return undefined;
    }
  }

  put(domain: string, code: string, cached: CachedLink): void {
    const redis = this.#available();
    if (redis === undefined) return;
    const keptMs = cached.link === null ? linkCacheLimits.missingMs : linkCacheLimits.knownMsMax;
    redis
      .eval(putLinkScript, 1, linkKey(domain, code), cached.version, encodeCachedLink(cached), keptMs)
      .catch(() => this.#pause());
  }

  #available(): Redis | undefined {
    if (this.#redis?.status !== "ready" || Date.now() < this.#pausedUntilMs) return undefined;
    return this.#redis;
  }

  #pause(): void {
    this.#pausedUntilMs = Date.now() + pauseMs;
  }
}
