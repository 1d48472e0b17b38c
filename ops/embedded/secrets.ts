// The passwords of the embedded servers: made once per data directory, readable by its owner only.
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { readJsonFile, writeJsonFile } from "./private-file.ts";

export type Secrets = {
  nats: string;
  redis: string;
  postgres: string;
  clickhouseOwner: string;
  clickhouseReader: string;
};

const passwordBytes = 24;

export async function ensureSecrets(dataDir: string): Promise<Secrets> {
  const path = join(dataDir, "secrets.json");
  const known = (await readJsonFile(path)) as Partial<Secrets> | undefined;
  const make = (): string => randomBytes(passwordBytes).toString("base64url");
  const secrets: Secrets = {
    nats: known?.nats ?? make(),
    redis: known?.redis ?? make(),
    postgres: known?.postgres ?? make(),
    clickhouseOwner: known?.clickhouseOwner ?? make(),
    clickhouseReader: known?.clickhouseReader ?? make(),
  };
  await writeJsonFile(path, secrets);
  return secrets;
}
