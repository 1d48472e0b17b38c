// Tries of passwords: few for each visitor, and many for a link altogether, which bounds the processor time that slow
// hashes can be made to take. Counted in Redis, or by this process while that is away.
import type { Redis } from "ioredis";
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from "rate-limiter-flexible";
import { MillraceError } from "#schemas/errors.ts";
import { networkOf } from "#schemas/network-of.ts";

const windowSeconds = 300;
const triesOfVisitorMax = 10;
const triesOfLinkMax = 1_000;

export class UnlockLimits {
  readonly #ofVisitor: RateLimiterRedis | RateLimiterMemory;
  readonly #ofLink: RateLimiterRedis | RateLimiterMemory;

  constructor(redis: Redis | undefined) {
    this.#ofVisitor = createLimiter(redis, "visitor", triesOfVisitorMax);
    this.#ofLink = createLimiter(redis, "link", triesOfLinkMax);
  }

  /** Throws RATE_LIMITED. */
  async take(linkId: string, address: string): Promise<void> {
    try {
      await this.#ofVisitor.consume(`${linkId} ${networkOf(address)}`);
      await this.#ofLink.consume(linkId);
    } catch (refused) {
      if (!(refused instanceof RateLimiterRes)) throw refused;
      throw new MillraceError("RATE_LIMITED", {
        message: "Too many tries; wait as Retry-After says.",
        retryAfterSeconds: Math.max(1, Math.ceil(refused.msBeforeNext / 1000)),
      });
    }
  }
}

function createLimiter(
  redis: Redis | undefined,
  name: string,
  points: number,
): RateLimiterRedis | RateLimiterMemory {
  const limits = { keyPrefix: `millrace:unlock:${name}`, points, duration: windowSeconds };
  const memory = new RateLimiterMemory(limits);
  if (redis === undefined) return memory;
  return new RateLimiterRedis({
    ...limits,
    storeClient: redis,
    insuranceLimiter: memory,
    rejectIfRedisNotReady: true,
  });
}
