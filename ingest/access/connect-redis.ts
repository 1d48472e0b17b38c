// The edge's connection to Redis: never waited for, because losing Redis costs precision of limits and nothing else.
import { Redis } from "ioredis";
import type { Logger } from "#ops/runtime/log.ts";

const commandMsMax = 200;
const reconnectMsMax = 2_000;

export function connectRedis(url: string, log: Logger): Redis {
  const redis = new Redis(url, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: commandMsMax,
    retryStrategy: (attempt) => Math.min(attempt * 100, reconnectMsMax),
  });
  let away = false;
  redis.on("error", (error) => {
    if (!away) log.warn({ err: error }, "redis is away; limits are counted in this process");
    away = true;
  });
  redis.on("ready", () => {
    if (away) log.info("redis is back");
    away = false;
  });
  return redis;
}
