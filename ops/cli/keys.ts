// Shows the keys of the project `default` of this data directory.
import { readConfig } from "../runtime/config.ts";
import { exitCodes } from "../runtime/life-cycle.ts";
import { keysPath, readDefaultKeys } from "../supervisor/default-keys.ts";
import { UsageError, type Command } from "./command.ts";

export const command: Command = {
  options: { json: { type: "boolean", default: false, description: "print them as JSON" } },
  run: async ({ env, values }) => {
    const config = readConfig(env);
    const kept = await readDefaultKeys(config.dataDir);
    const keys = {
      write: config.writeKey ?? kept?.write,
      read: config.readKey ?? kept?.read,
      admin: config.adminKey ?? kept?.admin,
    };
    if (keys.write === undefined && keys.read === undefined && keys.admin === undefined) {
      throw new UsageError(
        `There are no keys in ${config.dataDir} yet: npm start makes them at the first start.`,
      );
    }
    if (values["json"] === true) {
      console.log(JSON.stringify(keys));
      return exitCodes.ok;
    }
    for (const [scope, key] of Object.entries(keys))
      console.log(`${`${scope} key`.padEnd(10)} ${key ?? "unknown"}`);
    console.log(`kept in ${keysPath(config.dataDir)}; more projects with POST /v1/projects`);
    return exitCodes.ok;
  },
};
