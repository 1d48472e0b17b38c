// Brings the tables up to date: of the configured servers, or of the embedded ones when they run.
import { readConfig } from "../runtime/config.ts";
import { exitCodes } from "../runtime/life-cycle.ts";
import { runMigrations } from "../supervisor/run-migrations.ts";
import { fillServerUrls } from "../supervisor/server-urls.ts";
import { UsageError, type Command } from "./command.ts";

export const command: Command = {
  run: async ({ env }) => {
    const config = await fillServerUrls(readConfig(env));
    if (config.postgresUrl === undefined || config.clickhouseUrl === undefined) {
      throw new UsageError(
        `There is nothing to migrate: set MILLRACE_POSTGRES_URL and MILLRACE_CLICKHOUSE_URL. ` +
          `npm start migrates the embedded servers by itself.`,
      );
    }
    const { applied } = await runMigrations({
      postgresUrl: config.postgresUrl,
      clickhouseUrl: config.clickhouseUrl,
      cluster: config.clickhouseCluster,
      log: (line) => console.log(line),
    });
    console.log(`tables up to date, ${applied.length} migrations applied`);
    return exitCodes.ok;
  },
};
