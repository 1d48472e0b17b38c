// Fills the project `default` with two weeks of a small shop's traffic through the front door, and says what to
// look at. The same seed makes the same events with the same ids, so running it twice adds nothing.
import { createClient } from "#ingest/client/client.ts";
import { readConfig } from "../runtime/config.ts";
import { exitCodes } from "../runtime/life-cycle.ts";
import { readDefaultKeys } from "../supervisor/default-keys.ts";
import { edgeUrl, readReadiness } from "../supervisor/edge.ts";
import { UsageError, type Command } from "./command.ts";
import { generateShopTraffic } from "./shop-traffic.ts";

const batchEvents = 1_000;
/** For one batch, waits that the platform asks for included. */
const batchMsMax = 120_000;

export const command: Command = {
  options: {
    users: { type: "string", default: "2000", placeholder: "n", description: "visitors to generate" },
  },
  run: async ({ env, values }) => {
    const config = readConfig(env);
    const users = Number(values["users"]);
    if (!Number.isInteger(users) || users < 1 || users > 100_000) {
      throw new UsageError("--users must be a whole number from 1 to 100000.");
    }
    const kept = await readDefaultKeys(config.dataDir);
    const writeKey = config.writeKey ?? kept?.write;
    const readKey = config.readKey ?? kept?.read;
    const url = edgeUrl(config);
    if (writeKey === undefined || !(await readReadiness(config)).isReady) {
      throw new UsageError(`Nothing answers at ${url}: run npm start first (in another terminal).`);
    }
    const traffic = generateShopTraffic({ users, until: new Date() });
    const client = createClient({
      url,
      key: writeKey,
      batchEvents,
      onLost: ({ event_id: id }, code, message) => console.error(`\n${String(id)}: ${code} ${message}`),
    });
    for (let at = 0; at < traffic.length; at += batchEvents) {
      for (const event of traffic.slice(at, at + batchEvents)) {
        client.track(event.event, event.properties, {
          userId: event.user_id,
          eventId: event.event_id,
          timestamp: event.timestamp,
        });
      }
      await client.flush({ msMax: batchMsMax });
      const { accepted, pending } = client.counts;
      if (pending > 0) throw new Error(`${url} has not taken ${pending} events within ${batchMsMax} ms`);
      process.stdout.write(
        `\rsent ${accepted.toLocaleString("en")} of ${traffic.length.toLocaleString("en")} events`,
      );
    }
    await client.close();
    console.log(`\n\nOrders and revenue a day:\n`);
    console.log(
      `curl ${url}/v1/query/trends -H 'Authorization: Bearer ${readKey ?? "<read key>"}' -d '{"interval":"day",` +
        `"series":[{"event":"order_placed"},{"event":"order_placed","math":"sum","property":"revenue"}]}'\n`,
    );
    console.log("Visitors by country:\n");
    console.log(
      `curl ${url}/v1/query/trends -H 'Authorization: Bearer ${readKey ?? "<read key>"}' -d '{"interval":"week",` +
        `"series":[{"event":"page_viewed","math":"unique_users"}],"breakdown":{"property":"country","limit":5}}'\n`,
    );
    console.log("How many visitors go from a page to an order within a day:\n");
    console.log(
      `curl ${url}/v1/query/funnel -H 'Authorization: Bearer ${readKey ?? "<read key>"}' -d '{"window_seconds":86400,` +
        `"steps":[{"event":"page_viewed"},{"event":"item_added"},{"event":"order_placed"}]}'\n`,
    );
    console.log("Who comes back, day by day:\n");
    console.log(
      `curl ${url}/v1/query/retention -H 'Authorization: Bearer ${readKey ?? "<read key>"}' -d '{"type":"first_time",` +
        `"period":"day","periods":7,"target":{"event":"page_viewed"},"returning":{"event":"page_viewed"}}'`,
    );
    return exitCodes.ok;
  },
};
