// Shows the keys of the project `default` of this data directory; lists, makes, rotates and revokes keys.
import { readConfig } from "../runtime/config.ts";
import { exitCodes } from "../runtime/life-cycle.ts";
import { keysPath, readDefaultKeys } from "../supervisor/default-keys.ts";
import { UsageError, type Command } from "./command.ts";
import { listKeys, makeKey, revokeKey, rotateKey, type ManageKeys } from "./manage-keys.ts";

export const command: Command = {
  positionals: "[list | make <scope,…> | rotate <id or scope> | revoke <id>]",
  options: {
    json: { type: "boolean", default: false, description: "print the keys of default as JSON" },
    project: { type: "string", placeholder: "id", description: "whose keys; default: default" },
    name: { type: "string", placeholder: "text", description: "make: what the key is for" },
    grace: {
      type: "string",
      placeholder: "seconds",
      description: "rotate: how long the old key stays valid; default a day",
    },
  },
  run: async ({ env, values, positionals }) => {
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
    const [action, which = ""] = positionals;
    if (action !== undefined) {
      const given = Object.entries(keys).filter(([, key]) => key !== undefined);
      await manage(action, which, values, {
        config,
        keys: Object.fromEntries(given) as ManageKeys["keys"],
        project: textOf(values["project"]) ?? "default",
        print: (line) => console.log(line),
      });
      return exitCodes.ok;
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

async function manage(
  action: string,
  which: string,
  values: Readonly<Record<string, unknown>>,
  options: ManageKeys,
): Promise<void> {
  if (action === "list") return listKeys(options);
  const needed = {
    make: "the scopes of the key",
    rotate: "a key's id, or write, read or admin",
    revoke: "a key's id",
  };
  if (!(action in needed)) throw new UsageError(`keys ${action} is not known: list, make, rotate or revoke.`);
  if (which === "") throw new UsageError(`keys ${action} needs ${needed[action as keyof typeof needed]}.`);
  if (action === "make") return makeKey(options, which, textOf(values["name"]));
  if (action === "revoke") return revokeKey(options, which);
  const grace = textOf(values["grace"]);
  if (grace !== undefined && !/^\d+$/.test(grace)) throw new UsageError("--grace is a number of seconds.");
  return rotateKey(options, which, grace === undefined ? undefined : Number(grace));
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
