// Links in Redis as an edge reads and writes them. What is asked for and put in one turn of the event loop is one
// command each: visits of codes at random would be three commands each, and cost more than everything else about them.
// Nothing waits for a Redis that is away: after a failure it is left alone for a second.
import type { Redis } from "ioredis";
import {
  decodeCachedLink,
  encodeCachedLink,
  linkCacheLimits,
  linkKey,
  putLinksScript,
  readLinksScript,
  type CachedLink,
} from "#schemas/links/link-cache.ts";

const pauseMs = 1_000;

/** What stands in Redis, and how long it will. */
export interface StoredLink extends CachedLink {
  readonly restMs: number;
}

/** What one turn of the event loop wants; as many keys as visits that look for a link, see findLinkLimits. */
interface Turn {
  readonly readKeys: string[];
  readonly putKeys: string[];
  readonly putValues: (string | number)[];
  /** Two for each of `readKeys`; null when Redis is away. */
  readonly answers: Promise<readonly unknown[] | null>;
}

export class LinkStore {
  readonly #redis: Redis | undefined;
  #turn: Turn | undefined;
  #pausedUntilMs = 0;

  constructor(redis: Redis | undefined) {
    this.#redis = redis;
  }

  /** Undefined when nothing is there or Redis is away. */
  async read(domain: string, code: string): Promise<StoredLink | undefined> {
    const turn = this.#join();
    if (turn === undefined) return undefined;
    const place = turn.readKeys.push(linkKey(domain, code)) - 1;
    const answers = await turn.answers;
    const text = answers?.[place * 2];
    const restMs = Number(answers?.[place * 2 + 1] ?? 0);
    const cached = typeof text === "string" ? decodeCachedLink(text) : undefined;
    return cached === undefined || !(restMs > 0) ? undefined : { ...cached, restMs };
  }

  put(domain: string, code: string, cached: CachedLink): void {
    const turn = this.#join();
    if (turn === undefined) return;
    const keptMs = cached.link === null ? linkCacheLimits.missingMs : linkCacheLimits.knownMsMax;
    turn.putKeys.push(linkKey(domain, code));
    turn.putValues.push(cached.version, encodeCachedLink(cached), keptMs);
  }

  /** This turn of the event loop; undefined while Redis is away. */
  #join(): Turn | undefined {
    const redis = this.#redis;
    if (redis?.status !== "ready" || Date.now() < this.#pausedUntilMs) return undefined;
    if (this.#turn !== undefined) return this.#turn;
    const answers = new Promise<void>((resolve) => {
      setImmediate(resolve);
    }).then(() => {
      this.#turn = undefined;
      return this.#send(redis, turn);
    });
    const turn: Turn = { readKeys: [], putKeys: [], putValues: [], answers };
    this.#turn = turn;
    return turn;
  }

  async #send(redis: Redis, { readKeys, putKeys, putValues }: Turn): Promise<readonly unknown[] | null> {
    try {
      const [answers] = await Promise.all([
        readKeys.length === 0 ? [] : redis.eval(readLinksScript, readKeys.length, ...readKeys),
        putKeys.length === 0 ? 0 : redis.eval(putLinksScript, putKeys.length, ...putKeys, ...putValues),
      ]);
      return answers as unknown[];
    } catch {
      this.#pausedUntilMs = Date.now() + pauseMs;
      return null;
    }
  }
}
