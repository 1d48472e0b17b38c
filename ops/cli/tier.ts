// Runs one tier in this process: `ingest`, `workers` or `query`. The supervisor calls these as its children; in a
// cluster each is a service of its own with the server URLs in its environment.
import { readConfig, type Config } from "../runtime/config.ts";
import { runProcess, type Running } from "../runtime/life-cycle.ts";
import { createLogger, type Logger } from "../runtime/log.ts";
import { UsageError, type Command } from "./command.ts";

export type TierName = "ingest" | "workers" | "query";

type Start = (config: Config, log: Logger) => Promise<Running>;

const starts: Readonly<Record<TierName, () => Promise<Start>>> = {
  ingest: async () => (await import("#ingest/main.ts")).start,
  workers: async () => (await import("#workers/main.ts")).start,
  query: async () => (await import("#query/main.ts")).start,
};

export function tierCommand(tier: TierName): Command {
  return {
    run: async ({ env }) => {
      const config = readConfig(env);
      const missing = [
        config.natsUrl === undefined ? "MILLRACE_NATS_URL" : "",
        config.clickhouseUrl === undefined ? "MILLRACE_CLICKHOUSE_URL" : "",
        config.postgresUrl === undefined ? "MILLRACE_POSTGRES_URL" : "",
        config.redisUrl === undefined ? "MILLRACE_REDIS_URL" : "",
      ].filter((name) => name !== "");
      if (missing.length > 0) {
        throw new UsageError(
          `${tier} alone needs servers that run elsewhere: set ${missing.join(", ")}. ` +
            `npm start runs everything on this machine without them.`,
        );
      }
      const instance = config.instance ?? tier;
      const log = createLogger({ level: config.logLevel, name: tier, instance });
      return runProcess({
        log,
        supervised: config.supervised,
        start: async () => (await starts[tier]())(config, log),
      });
    },
  };
}
