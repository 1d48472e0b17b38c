// Links in Redis as an edge reads and writes them. What is asked for and put in some milliseconds is one command each:
// visits of codes at random would be three commands each, and cost more than everything else about them.
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
import { Pace } from "./pace.ts";

const pauseMs = 1_000;
/** Between two writes to Redis; a visit that comes alone waits for none. */
const everyMs = 4;

/** What stands in Redis, and how long it will. */
export interface StoredLink extends CachedLink {
  readonly restMs: number;
}

/** What goes to Redis together; as many keys as visits that look for a link, see findLinkLimits. */
interface Turn {
  readonly readKeys: string[];
  readonly putKeys: string[];
  readonly putValues: (string | number)[];
  /** Two for each of `readKeys`; null when Redis is away. */
  readonly answers: Promise<readonly unknown[] | null>;
  readonly answer: (answers: Promise<readonly unknown[] | null>) => void;
}

export class LinkStore {
  readonly #redis: Redis | undefined;
  #turn: Turn | undefined;
  #pausedUntilMs = 0;
  readonly #pace = new Pace(everyMs, () => {
    const turn = this.#turn;
    this.#turn = undefined;
    if (turn !== undefined) turn.answer(this.#send(turn));
  });

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

  /** What goes next; undefined while Redis is away. */
  #join(): Turn | undefined {
    if (this.#redis?.status !== "ready" || Date.now() < this.#pausedUntilMs) return undefined;
    if (this.#turn === undefined) {
      const { promise, resolve } = Promise.withResolvers<readonly unknown[] | null>();
      this.#turn = { readKeys: [], putKeys: [], putValues: [], answers: promise, answer: resolve };
      this.#pace.ask();
    }
    return this.#turn;
  }

  async #send({ readKeys, putKeys, putValues }: Turn): Promise<readonly unknown[] | null> {
    const redis = this.#redis as Redis;
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
