// What seals secrets of webhooks in Postgres: of the settings, or made once beside an embedded Postgres. Other supervisors
// may use the same Postgres of yours, and would have made keys of their own: there it has to be set.
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { readJsonFile, writeJsonFile } from "../embedded/private-file.ts";
import type { Config } from "../runtime/config.ts";

const keyBytes = 32;

export async function ensureSecretsKey(config: Config): Promise<string | undefined> {
  if (config.secretsKey !== undefined || config.postgresUrl !== undefined) return config.secretsKey;
  const path = join(config.dataDir, "secrets-key.json");
  const known = (await readJsonFile(path)) as { key: string } | undefined;
  const key = known?.key ?? randomBytes(keyBytes).toString("base64url");
  if (known === undefined) await writeJsonFile(path, { key });
  return key;
}
