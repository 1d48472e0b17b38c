// Brings dead blocks back into the log, or only lists them.
import { connectNats } from "#streams/connect.ts";
import { eventsStream } from "#streams/catalogue.ts";
import { replayDead } from "#workers/events/replay-dead.ts";
import { readConfig } from "../runtime/config.ts";
import { exitCodes } from "../runtime/life-cycle.ts";
import { createLogger } from "../runtime/log.ts";
import { fillServerUrls } from "../supervisor/server-urls.ts";
import { UsageError, type Command } from "./command.ts";

export const command: Command = {
  options: {
    "dry-run": { type: "boolean", default: false, description: "list what is dead and why, replay nothing" },
    origin: {
      type: "string",
      default: eventsStream,
      placeholder: "stream",
      description: "stream the dead blocks came from",
    },
  },
  run: async ({ env, values }) => {
    const config = await fillServerUrls(readConfig(env));
    if (config.natsUrl === undefined) {
      throw new UsageError("There is no log to replay into: npm start first, or set MILLRACE_NATS_URL.");
    }
    const log = createLogger({ level: "error", name: "replay" });
    const connection = await connectNats({ url: config.natsUrl, name: "replay", log });
    try {
      const { seen, replayed } = await replayDead(connection, {
        origin: String(values["origin"]),
        dryRun: values["dry-run"] === true,
        onMessage: ({ subject, originSequence, deadAt, bytes, reason }) =>
          console.log(`${deadAt}  ${subject} sequence ${originSequence}, ${bytes} bytes: ${reason}`),
      });
      console.log(`${seen} dead blocks, ${replayed} replayed`);
      return exitCodes.ok;
    } finally {
      await connection.close();
    }
  },
};
