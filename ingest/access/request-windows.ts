// Requests that one address (one /64 of IPv6) may make in any 60 seconds, counted in Redis over all edges by the time of each request:
// no burst at the turn of a minute, and Retry-After is when the oldest of them is a minute old.
import type { Redis } from "ioredis";
import { MillraceError } from "#schemas/errors.ts";
import { networkOf } from "#schemas/network-of.ts";

const windowMs = 60_000;
/** Addresses that are remembered while Redis is away; the oldest is forgotten past it. */
const addressesMax = 10_000;

/** KEYS: the requests of the address. ARGV: window, the most there may be, a name of its own. Answers ms to wait. */
const takeScript = `
local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local window = tonumber(ARGV[1])
redis.call("ZREMRANGEBYSCORE", KEYS[1], "-inf", now - window)
if redis.call("ZCARD", KEYS[1]) >= tonumber(ARGV[2]) then
  local oldest = redis.call("ZRANGE", KEYS[1], 0, 0, "WITHSCORES")
  return math.max(1, tonumber(oldest[2]) + window - now)
end
redis.call("ZADD", KEYS[1], now, ARGV[3])
redis.call("PEXPIRE", KEYS[1], window)
return 0
`;

export class RequestWindows {
  readonly #redis: Redis | undefined;
  readonly #name: string;
  readonly #requestsMax: number;
  readonly #own = new Map<string, number[]>();
  readonly #edge = crypto.randomUUID();
  #number = 0;

  /** `requestsMax` 0: no limit. */
  constructor(options: { redis: Redis | undefined; name: string; requestsMax: number }) {
    this.#redis = options.redis;
    this.#name = options.name;
    this.#requestsMax = options.requestsMax;
  }

  /** RATE_LIMITED, or undefined when the request may go on. Never rejects. */
  async take(address: string): Promise<MillraceError | undefined> {
    if (this.#requestsMax === 0) return undefined;
    const sender = networkOf(address);
    const waitMs = await this.#takeShared(sender).catch(() => this.#takeOwn(sender, Date.now()));
    if (waitMs === 0) return undefined;
    return new MillraceError("RATE_LIMITED", { retryAfterSeconds: Math.ceil(waitMs / 1000) });
  }

  async #takeShared(sender: string): Promise<number> {
    if (this.#redis?.status !== "ready") return this.#takeOwn(sender, Date.now());
    this.#number += 1;
    const key = `millrace:window:${this.#name}:${sender}`;
    const member = `${this.#edge}:${this.#number}`;
    return Number(await this.#redis.eval(takeScript, 1, key, windowMs, this.#requestsMax, member));
  }

  #takeOwn(sender: string, nowMs: number): number {
    const known = this.#own.get(sender) ?? [];
    const recent = known.filter((atMs) => atMs > nowMs - windowMs);
    if (!this.#own.has(sender) && this.#own.size >= addressesMax) {
      const [oldest] = this.#own.keys();
      if (oldest !== undefined) this.#own.delete(oldest);
    }
    this.#own.set(sender, recent);
    if (recent.length >= this.#requestsMax) return Math.max(1, (recent[0] as number) + windowMs - nowMs);
    recent.push(nowMs);
    return 0;
  }
}
