// Wires the links of one worker process: their service, counts of redirects, salts of visitors, and, where it is
// wanted, titles of pages.
import type { NatsConnection } from "@nats-io/transport-node";
import type { Registry } from "prom-client";
import type { Config } from "#ops/runtime/config.ts";
import type { Logger } from "#ops/runtime/log.ts";
import type { Postgres } from "#ops/runtime/postgres.ts";
import { connectLinkCache, LinkAnnouncer } from "./announce-links.ts";
import { serveLinks } from "./link-service.ts";
import { LinkStore } from "./link-store.ts";
import { createLinkMetrics } from "./metrics.ts";
import { serveRedirectCounts } from "./redirect-counts.ts";
import { TitleKeeper } from "./titles/title-keeper.ts";
import { serveVisitorSalts } from "./visitor-salts.ts";

export function startLinks(options: {
  config: Pick<Config, "redisUrl" | "publicUrl" | "linksTitles">;
  connection: NatsConnection;
  postgres: Postgres;
  registry: Registry;
  log: Logger;
}): { stop(): Promise<void> } {
  const { config, connection, postgres, log } = options;
  const { publicUrl } = config;
  const redis = connectLinkCache(config.redisUrl);
  const metrics = createLinkMetrics(options.registry);
  const store = new LinkStore(postgres, {
    onConflict: () => metrics.codeConflicts.inc(),
    wantsTitles: config.linksTitles,
  });
  const announcer = new LinkAnnouncer(connection, redis);
  const titles = config.linksTitles
    ? new TitleKeeper({ postgres, store, announcer, publicUrl, metrics, log })
    : undefined;
  titles?.start();
  const service = serveLinks({
    connection,
    postgres,
    redis,
    store,
    announcer,
    publicUrl,
    onTitleWanted: () => titles?.wake(),
    log,
  });
  const counts = serveRedirectCounts({ connection, postgres, log });
  const salts = serveVisitorSalts({ connection, postgres, log });
  return {
    async stop() {
      await Promise.all([service.stop(), counts.stop(), salts.stop(), titles?.stop()]);
      redis?.disconnect();
    },
  };
}
