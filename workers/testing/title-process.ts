// A process that reads titles of links and nothing else, for tests that kill it: it may reach pages on this machine,
// which no setting of the product allows. Run with the URLs of Postgres and of the log as arguments.
import { Registry } from "prom-client";
import { createLogger } from "#ops/runtime/log.ts";
import { createPostgres } from "#ops/runtime/postgres.ts";
import { connectNats } from "#streams/connect.ts";
import { LinkAnnouncer } from "../links/announce-links.ts";
import { LinkStore } from "../links/link-store.ts";
import { createLinkMetrics } from "../links/metrics.ts";
import { TitleKeeper } from "../links/titles/title-keeper.ts";
import { AddressGuard } from "../outgoing/guard-address.ts";

const [postgresUrl = "", natsUrl = ""] = process.argv.slice(2);
const log = createLogger({ level: "warn", name: "titles" });
const postgres = createPostgres(postgresUrl, { name: "titles", connectionsMax: 4 });
const connection = await connectNats({ url: natsUrl, name: "titles", log });
new TitleKeeper({
  postgres,
  store: new LinkStore(postgres, { onConflict: () => undefined }),
  announcer: new LinkAnnouncer(connection, undefined),
  publicUrl: "https://go.example",
  metrics: createLinkMetrics(new Registry()),
  log,
  guard: new AddressGuard(["127.0.0.0/8"], []),
  idleMs: 50,
}).start();
