// Links in Redis as an edge reads and writes them. What is asked for in one turn of the event loop goes out together:
// visits of codes at random would be a write to the socket each, and cost more than everything else about them.
// Nothing waits for a Redis that is away: after a failure it is left alone for a second.
import type { ChainableCommander, Redis } from "ioredis";
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

interface Turn {
  readonly pipeline: ChainableCommander;
  /** Answers of each command, in order; resolves with nothing when Redis is away. */
  readonly answers: Promise<readonly [error: Error | null, answer: unknown][] | null>;
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
    const key = linkKey(domain, code);
    const at = turn.pipeline.length;
    turn.pipeline.get(key).pttl(key);
    const answers = await turn.answers;
    const text = answers?.[at]?.[1];
    const restMs = Number(answers?.[at + 1]?.[1] ?? 0);
    const cached = typeof text === "string" ? decodeCachedLink(text) : undefined;
    return cached === undefined || !(restMs > 0) ? undefined : { ...cached, restMs };
  }

  put(domain: string, code: string, cached: CachedLink): void {
    const keptMs = cached.link === null ? linkCacheLimits.missingMs : linkCacheLimits.knownMsMax;
    const text = encodeCachedLink(cached);
    this.#join()?.pipeline.eval(putLinkScript, 1, linkKey(domain, code), cached.version, text, keptMs);
  }

  /** What this turn of the event loop asks for; undefined while Redis is away. */
  #join(): Turn | undefined {
    const redis = this.#redis;
    if (redis?.status !== "ready" || Date.now() < this.#pausedUntilMs) return undefined;
    if (this.#turn !== undefined) return this.#turn;
    const pipeline = redis.pipeline();
    const answers = new Promise<void>((resolve) => {
      setImmediate(resolve);
    }).then(() => {
      this.#turn = undefined;
      return this.#send(pipeline);
    });
    this.#turn = { pipeline, answers };
    return this.#turn;
  }

  async #send(pipeline: ChainableCommander): Promise<[error: Error | null, answer: unknown][] | null> {
    try {
      const answers = await pipeline.exec();
      if (answers?.some(([error]) => error !== null) === true) this.#pause();
      return answers;
    } catch {
      this.#pause();
      return null;
    }
  }

  #pause(): void {
    this.#pausedUntilMs = Date.now() + pauseMs;
  }
}
