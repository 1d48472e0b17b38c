// The keys of the project `default`: taken from the settings or made at the first start, and kept in
// `<data dir>/keys.json`, readable by its owner only.
import { join } from "node:path";
import { createKey } from "#workers/projects/keys.ts";
import { readJsonFile, writeJsonFile } from "../embedded/private-file.ts";
import type { Config } from "../runtime/config.ts";

export type DefaultKeys = { write: string; read: string; admin: string };

export function keysPath(dataDir: string): string {
  return join(dataDir, "keys.json");
}

/** undefined before the first start. */
export async function readDefaultKeys(dataDir: string): Promise<DefaultKeys | undefined> {
  return (await readJsonFile(keysPath(dataDir))) as DefaultKeys | undefined;
}

export async function writeDefaultKeys(dataDir: string, keys: DefaultKeys): Promise<void> {
  await writeJsonFile(keysPath(dataDir), keys);
}

/** `isNew`: made or changed by this start, so they have to be shown once. */
export async function ensureDefaultKeys(config: Config): Promise<{ keys: DefaultKeys; isNew: boolean }> {
  const known: Partial<DefaultKeys> = (await readDefaultKeys(config.dataDir)) ?? {};
  const keys: DefaultKeys = {
    write: config.writeKey ?? known.write ?? createKey("write"),
    read: config.readKey ?? known.read ?? createKey("read"),
    admin: config.adminKey ?? known.admin ?? createKey("admin"),
  };
  const isNew = keys.write !== known.write || keys.read !== known.read || keys.admin !== known.admin;
  if (isNew) await writeDefaultKeys(config.dataDir, keys);
  return { keys, isNew };
}
