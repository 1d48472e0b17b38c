// Events a second per project, counted in Redis over all edge processes. Each process leases a part of a second's
// allowance at once, so that 40,000 requests are a few dozen Redis calls; while Redis is away it counts on its own.
import type { Redis } from "ioredis";
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from "rate-limiter-flexible";
import { MillraceError } from "#schemas/errors.ts";

/** A lease is this part of a second's allowance. */
const leaseParts = 20;
const windowMs = 1000;
/** Projects and limits remembered; the oldest is forgotten past it, which costs one Redis call. */
const projectsMax = 10_000;

interface Allowance {
  leased: number;
  leaseEndsAtMs: number;
  blockedUntilMs: number;
}

export class RateLimits {
  readonly #redis: Redis | undefined;
  readonly #limiters = new Map<number, RateLimiterRedis | RateLimiterMemory>();
  readonly #allowances = new Map<number, Allowance>();

  /** Without Redis each process counts on its own. */
  constructor(options: { redis: Redis | undefined }) {
    this.#redis = options.redis;
  }

  /** Why a request of this project cannot be taken now, before its body is read; undefined when it may. */
  refusal(projectId: number): MillraceError | undefined {
    const allowance = this.#allowances.get(projectId);
    if (allowance === undefined || allowance.blockedUntilMs === 0) return undefined;
    const restMs = allowance.blockedUntilMs - Date.now();
    if (restMs > 0) return limited(restMs);
    allowance.blockedUntilMs = 0;
    return undefined;
  }

  /**
   * Takes `events` of the allowance; undefined when it has them, a promise when a lease is needed.
   * A request larger than what a second allows is taken when the second is untouched, and blocks the next ones.
   */
  take(
    projectId: number,
    events: number,
    eventsPerSecondMax: number,
  ): MillraceError | undefined | Promise<MillraceError | undefined> {
    const allowance = this.#allowance(projectId);
    const nowMs = Date.now();
    if (nowMs >= allowance.leaseEndsAtMs) allowance.leased = 0;
    if (allowance.leased >= events) {
      allowance.leased -= events;
      return undefined;
    }
    return this.#lease(projectId, allowance, events, eventsPerSecondMax);
  }

  async #lease(
    projectId: number,
    allowance: Allowance,
    events: number,
    eventsPerSecondMax: number,
  ): Promise<MillraceError | undefined> {
    const missing = events - allowance.leased;
    const wanted = Math.min(
      eventsPerSecondMax,
      Math.max(missing, Math.ceil(eventsPerSecondMax / leaseParts)),
    );
    try {
      const granted = await this.#limiter(eventsPerSecondMax).consume(String(projectId), wanted);
      const nowMs = Date.now();
      // Others may have leased or used meanwhile: count on from what is there now.
      if (nowMs >= allowance.leaseEndsAtMs) allowance.leased = 0;
      allowance.leased += wanted - events;
      allowance.leaseEndsAtMs = nowMs + granted.msBeforeNext;
      if (events > eventsPerSecondMax) {
        allowance.leased = 0;
        allowance.blockedUntilMs = nowMs + (events / eventsPerSecondMax) * windowMs;
      }
      return undefined;
    } catch (refused) {
      if (!(refused instanceof RateLimiterRes)) throw refused;
      allowance.blockedUntilMs = Date.now() + refused.msBeforeNext;
      return limited(refused.msBeforeNext);
    }
  }

  #allowance(projectId: number): Allowance {
    const known = this.#allowances.get(projectId);
    if (known !== undefined) return known;
    forgetOldest(this.#allowances);
    const allowance = { leased: 0, leaseEndsAtMs: 0, blockedUntilMs: 0 };
    this.#allowances.set(projectId, allowance);
    return allowance;
  }

  #limiter(eventsPerSecondMax: number): RateLimiterRedis | RateLimiterMemory {
    const known = this.#limiters.get(eventsPerSecondMax);
    if (known !== undefined) return known;
    forgetOldest(this.#limiters);
    const limits = {
      keyPrefix: `millrace:rate:${eventsPerSecondMax}`,
      points: eventsPerSecondMax,
      duration: windowMs / 1000,
    };
    const memory = new RateLimiterMemory(limits);
    const limiter =
      this.#redis === undefined
        ? memory
        : new RateLimiterRedis({
            ...limits,
            storeClient: this.#redis,
            insuranceLimiter: memory,
            // Asking a Redis that is not there would make each request wait for a timeout.
            rejectIfRedisNotReady: true,
          });
    this.#limiters.set(eventsPerSecondMax, limiter);
    return limiter;
  }
}

function limited(restMs: number): MillraceError {
  return new MillraceError("RATE_LIMITED", { retryAfterSeconds: Math.max(1, Math.ceil(restMs / 1000)) });
}

function forgetOldest(map: Map<number, unknown>): void {
  if (map.size < projectsMax) return;
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
}
