// What the supervisor runs: which servers are embedded and which are configured, and the tiers with the
// environment each gets.
import type { PartName } from "../embedded/parts.ts";
import type { Config } from "../runtime/config.ts";
import type { DefaultKeys } from "./default-keys.ts";
import type { ServerUrls } from "./server-urls.ts";

/** The servers without a configured URL. */
export function embeddedParts(config: Config): PartName[] {
  const parts: [PartName, string | undefined][] = [
    ["nats", config.natsUrl],
    ["valkey", config.redisUrl],
    ["postgres", config.postgresUrl],
    ["clickhouse", config.clickhouseUrl],
  ];
  return parts.filter(([, url]) => url === undefined).map(([name]) => name);
}

export type TierPlan = { tier: "ingest" | "workers" | "query"; instance: string; env: NodeJS.ProcessEnv };

/** `env` is what the tiers inherit; everything set here wins over it. */
export function planTiers(options: {
  config: Config;
  env: NodeJS.ProcessEnv;
  urls: ServerUrls;
  keys: DefaultKeys;
  secretsKey: string | undefined;
}): TierPlan[] {
  const { config, urls, keys, secretsKey } = options;
  const env = {
    ...options.env,
    MILLRACE_NATS_URL: urls.nats,
    MILLRACE_REDIS_URL: urls.redis,
    MILLRACE_POSTGRES_URL: urls.postgres,
    MILLRACE_CLICKHOUSE_URL: urls.clickhouse,
    MILLRACE_WRITE_KEY: keys.write,
    MILLRACE_READ_KEY: keys.read,
    MILLRACE_ADMIN_KEY: keys.admin,
    ...(secretsKey === undefined ? {} : { MILLRACE_SECRETS_KEY: secretsKey }),
  };
  const workers = Array.from({ length: config.workerProcesses }, (_, index): TierPlan => {
    return { tier: "workers", instance: `workers-${index + 1}`, env };
  });
  return [
    ...workers,
    { tier: "query", instance: "query-1", env: { ...env, MILLRACE_CLICKHOUSE_URL: urls.clickhouseRead } },
    { tier: "ingest", instance: "ingest-1", env },
  ];
}
