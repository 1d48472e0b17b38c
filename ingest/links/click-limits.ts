// Links with `max_clicks`: every redirect takes one of them in Redis, in one step over all edges. When Redis lost the
// count it is restored from what is stored; while it cannot be known nobody is redirected, so that there are never
// more than were asked for.
import type { Redis } from "ioredis";
import { MillraceError } from "#schemas/errors.ts";
import { linkCacheLimits, linkClicksKey, takeClickScript } from "#schemas/links/link-cache.ts";
import type { ResolvedLink } from "#schemas/links/link.ts";

const unknownCount = -1;

export class ClickLimits {
  readonly #redis: Redis | undefined;
  readonly #countStored: (link: ResolvedLink) => Promise<number>;
  readonly #restoring = new Map<number, Promise<void>>();

  /** `countStored`: every redirect of the link until now. */
  constructor(options: { redis: Redis | undefined; countStored: (link: ResolvedLink) => Promise<number> }) {
    this.#redis = options.redis;
    this.#countStored = options.countStored;
  }

  /** Takes a redirect: false when all are used. Rejects with SERVICE_UNAVAILABLE when that cannot be known. */
  async take(link: ResolvedLink, maxClicks: number): Promise<boolean> {
    const number = await this.#take(link.id, maxClicks);
    if (number !== unknownCount) return number > 0;
    await this.#restore(link);
    const again = await this.#take(link.id, maxClicks);
    if (again === unknownCount) throw unavailable();
    return again > 0;
  }

  /** Whether there is one left, without taking it. */
  async hasLeft(link: ResolvedLink, maxClicks: number): Promise<boolean> {
    const redis = this.#available();
    const read = (): Promise<string | null> => redis.get(linkClicksKey(link.id)).catch(rethrow);
    let used = await read();
    if (used === null) {
      await this.#restore(link);
      used = await read();
    }
    return Number(used ?? 0) < maxClicks;
  }

  async #take(linkId: number, maxClicks: number): Promise<number> {
    // Whoever got no answer may have taken one all the same: it is not given twice.
    const taken = await this.#available()
      .eval(takeClickScript, 1, linkClicksKey(linkId), maxClicks, linkCacheLimits.clicksMs)
      .catch(rethrow);
    return Number(taken);
  }

  #restore(link: ResolvedLink): Promise<void> {
    const existing = this.#restoring.get(link.id);
    if (existing !== undefined) return existing;
    const restored = this.#writeCount(link).finally(() => this.#restoring.delete(link.id));
    this.#restoring.set(link.id, restored);
    return restored;
  }

  /** Whoever restores first wins: what was taken since is in the count already. */
  async #writeCount(link: ResolvedLink): Promise<void> {
    const count = await this.#countStored(link);
    const redis = this.#available();
    await redis.set(linkClicksKey(link.id), count, "PX", linkCacheLimits.clicksMs, "NX").catch(rethrow);
  }

  #available(): Redis {
    if (this.#redis?.status !== "ready") throw unavailable();
    return this.#redis;
  }
}

function unavailable(cause?: unknown): MillraceError {
  return new MillraceError("SERVICE_UNAVAILABLE", {
    message: "How often this link was used cannot be known right now; try again shortly.",
    retryAfterSeconds: 1,
    cause,
  });
}

function rethrow(cause: unknown): never {
  throw unavailable(cause);
}
