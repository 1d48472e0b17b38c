// Wires what keeps projects to their policies.
import { join } from "node:path";
import type { NatsConnection } from "@nats-io/transport-node";
import type { Registry } from "prom-client";
import { createClickHouse } from "#ops/runtime/clickhouse.ts";
import type { Config } from "#ops/runtime/config.ts";
import { Releasers } from "#ops/runtime/life-cycle.ts";
import type { Logger } from "#ops/runtime/log.ts";
import type { Postgres } from "#ops/runtime/postgres.ts";
import { ProjectStore } from "../projects/project-store.ts";
import { Reach } from "../projects/reach.ts";
import type { ArchivePlaces } from "./archive-place.ts";
import { Archiver } from "./archiver.ts";
import { createDiskPlace } from "./disk-place.ts";
import { createRetentionMetrics } from "./metrics.ts";
import { PersonArchives } from "./person-archives.ts";
import { PolicyStore } from "./policy-store.ts";
import { RawStore } from "./raw-store.ts";
import { RemovalLedger } from "./removal-ledger.ts";
import { Remover } from "./remover.ts";
import { RestoreLedger } from "./restore-ledger.ts";
import { Restorer } from "./restorer.ts";
import { RetentionKeeper } from "./retention-keeper.ts";
import { serveRetention } from "./retention-service.ts";
import { createS3Place, parseS3Address } from "./s3-place.ts";

/** A file of a month of events is written, read and compared in one request each. */
const requestMsMax = 6 * 3_600_000;

/** Paths of archives begin with `archives/`. */
export function openPlaces(config: Pick<Config, "dataDir" | "archiveS3Url">): ArchivePlaces {
  const disk = createDiskPlace(join(config.dataDir));
  const s3 =
    config.archiveS3Url === undefined ? undefined : createS3Place(parseS3Address(config.archiveS3Url));
  return (name) => (name === "disk" ? disk : s3);
}

export function startRetention(options: {
  readonly config: Config;
  readonly connection: NatsConnection;
  readonly postgres: Postgres;
  readonly clickhouseUrl: string;
  readonly registry: Registry;
  readonly instance: string;
  readonly log: Logger;
}): { readonly archives: PersonArchives; stop(): Promise<void> } {
  const { config, connection, postgres, clickhouseUrl, registry, instance, log } = options;
  const releasers = new Releasers(log);
  const clickhouse = createClickHouse(clickhouseUrl, { name: `${instance}-retention`, requestMsMax });
  releasers.add("clickhouse of retention", () => clickhouse.close());
  const store = new RawStore({ clickhouse, clickhouseCluster: config.clickhouseCluster });
  const metrics = createRetentionMetrics(registry);
  const places = openPlaces(config);
  const policies = new PolicyStore(postgres);
  const ledger = new RemovalLedger(postgres);
  const restores = new RestoreLedger(postgres);
  const archiver = new Archiver({ store, ledger, places });
  const keeper = new RetentionKeeper({
    postgres,
    store,
    policies,
    ledger,
    restores,
    archiver,
    remover: new Remover({ postgres, store, ledger, archiver, metrics }),
    restorer: new Restorer({ store, ledger, restores, archiver, metrics }),
    metrics,
    now: Date.now,
    log,
  });
  keeper.start();
  releasers.add("retention keeper", () => keeper.stop());
  const reach = new Reach(new ProjectStore(postgres));
  const service = serveRetention({
    connection,
    reach,
    policies,
    restores,
    places,
    onChange: () => keeper.wake(),
    log,
  });
  releasers.add("retention service", () => service.stop());
  const archives = new PersonArchives({ postgres, store, ledger, archiver });
  return { archives, stop: () => releasers.releaseAll() };
}
