// The counters of quotas in Redis: one for each project and period, gone a day after the period.
import type { Redis } from "ioredis";

interface Place {
  readonly projectId: number;
  /** "2026-11-22" or "2026-11". */
  readonly name: string;
}

export interface LeaseRequest extends Place {
  readonly max: number;
  /** What is needed at least; without it nothing is granted. */
  readonly missing: number;
  readonly wish: number;
  /** Never more at once than this part of what is left, unless it is needed. */
  readonly restParts: number;
  /** Counted elsewhere meanwhile: added first. */
  readonly owed: number;
  readonly endsAtMs: number;
}

export interface QuotaCounter {
  /** Undefined when there is no counter for the period. Rejects when Redis is away. */
  lease(request: LeaseRequest): Promise<{ granted: number; left: number } | undefined>;
  /** Makes the counter, unless somebody else did. */
  begin(request: Place & { count: number; endsAtMs: number }): Promise<void>;
  give(request: Place & { events: number }): Promise<void>;
}

const keptAfterMs = 86_400_000;

/** KEYS: the counter. ARGV: max, missing, wish, owed, part of the rest. Answers granted and left, or nothing. */
const leaseScript = `
local count = redis.call('GET', KEYS[1])
if not count then return false end
local max, missing, wish, owed = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
count = tonumber(count)
if owed > 0 then count = redis.call('INCRBY', KEYS[1], ARGV[4]) end
local left = max - count
if left < missing then return {0, left} end
local granted = math.max(missing, math.min(wish, math.floor(left / tonumber(ARGV[5]))))
redis.call('INCRBY', KEYS[1], granted)
return {granted, left - granted}`;

/** Never makes a counter, and never one below nothing. */
const giveScript = `
local count = redis.call('GET', KEYS[1])
if not count then return false end
return redis.call('DECRBY', KEYS[1], math.min(tonumber(count), tonumber(ARGV[1])))`;

export function createQuotaCounter(redis: Redis): QuotaCounter {
  const keyOf = ({ projectId, name }: Place): string => `millrace:quota:${projectId}:${name}`;
  return {
    async lease(request) {
      const answer = (await redis.eval(
        leaseScript,
        1,
        keyOf(request),
        request.max,
        request.missing,
        request.wish,
        request.owed,
        request.restParts,
      )) as [granted: number, left: number] | null;
      return answer === null ? undefined : { granted: answer[0], left: answer[1] };
    },
    async begin(request) {
      await redis.set(keyOf(request), request.count, "PXAT", request.endsAtMs + keptAfterMs, "NX");
    },
    async give(request) {
      await redis.eval(giveScript, 1, keyOf(request), request.events);
    },
  };
}
