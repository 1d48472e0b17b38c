// `keys list|make|rotate|revoke`: what the edge's addresses of keys do, from the command line, as admin of `default`.
import type { KeyEntry, KeyMade } from "#schemas/projects/keys.ts";
import { hintOf } from "#workers/projects/keys.ts";
import type { Config } from "../runtime/config.ts";
import { keysPath, readDefaultKeys, writeDefaultKeys, type DefaultKeys } from "../supervisor/default-keys.ts";
import { edgeUrl } from "../supervisor/edge.ts";
import { UsageError } from "./command.ts";

const requestMsMax = 15_000;

export interface ManageKeys {
  readonly config: Config;
  readonly keys: Readonly<Partial<DefaultKeys>>;
  readonly project: string;
  readonly print: (line: string) => void;
}

export async function listKeys(options: ManageKeys): Promise<void> {
  const keys = await readKeys(options);
  for (const key of keys) {
    const ends = key.expires_at === null ? "" : `, until ${key.expires_at}`;
    const successor = key.rotated_to === null ? "" : `, then ${key.rotated_to}`;
    const used = key.last_used_at === null ? "never used" : `used ${key.last_used_at}`;
    options.print(
      `${key.id}  ${key.hint.padEnd(14)} ${key.scopes.join(",").padEnd(12)} ${key.name ?? key.origin}, ${used}${ends}${successor}`,
    );
  }
}

export async function makeKey(options: ManageKeys, scopes: string, name: string | undefined): Promise<void> {
  const body = { scopes: scopes.split(","), ...(name === undefined ? {} : { name }) };
  const made = (await ask(options, "POST", "", body)) as KeyMade;
  options.print(`${made.key}  (${made.id}; shown here and never again)`);
}

/** `which`: the id of a key, or the scope of one of `default`'s own, which is then kept in keys.json. */
export async function rotateKey(
  options: ManageKeys,
  which: string,
  graceSeconds: number | undefined,
): Promise<void> {
  const { config, keys, print } = options;
  const own = which === "write" || which === "read" || which === "admin" ? which : undefined;
  const id = own === undefined ? which : await findOwn(options, own);
  const body = graceSeconds === undefined ? {} : { grace_seconds: graceSeconds };
  const made = (await ask(options, "POST", `/${encodeURIComponent(id)}/rotate`, body)) as KeyMade;
  print(`${made.key}  (${made.id}; takes the place of ${id})`);
  if (own === undefined) return;
  const setting = { write: config.writeKey, read: config.readKey, admin: config.adminKey }[own];
  if (setting !== undefined) {
    print(`MILLRACE_${own.toUpperCase()}_KEY names the old key: set it to this one before the next start.`);
  } else {
    const kept = (await readDefaultKeys(config.dataDir)) ?? keys;
    await writeDefaultKeys(config.dataDir, { ...(kept as DefaultKeys), [own]: made.key });
    print(`kept in ${keysPath(config.dataDir)}`);
  }
}

export async function revokeKey(options: ManageKeys, id: string): Promise<void> {
  await ask(options, "DELETE", `/${encodeURIComponent(id)}`);
  options.print(`${id} opens nothing any more.`);
}

async function findOwn(options: ManageKeys, scope: keyof DefaultKeys): Promise<string> {
  const key = options.keys[scope];
  const hint = key === undefined ? undefined : hintOf(key);
  const found = (await readKeys({ ...options, project: "default" })).find(
    (each) => each.hint === hint && each.scopes.includes(scope) && each.rotated_to === null,
  );
  if (found === undefined) {
    throw new UsageError(
      `The ${scope} key of this data directory is not one that can be rotated; see keys list.`,
    );
  }
  return found.id;
}

async function readKeys(options: ManageKeys): Promise<KeyEntry[]> {
  const { keys } = (await ask(options, "GET", "")) as { keys: KeyEntry[] };
  return keys;
}

async function ask(options: ManageKeys, method: string, path: string, body?: object): Promise<unknown> {
  const { config, keys, project } = options;
  const url = `${edgeUrl(config)}/v1/projects/${encodeURIComponent(project)}/keys${path}`;
  const response = await fetch(url, {
    method,
    headers: { authorization: `Bearer ${keys.admin ?? ""}`, "content-type": "application/json" },
    signal: AbortSignal.timeout(requestMsMax),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  }).catch((error: unknown) => {
    throw new UsageError(`Nothing answers at ${edgeUrl(config)}; is Millrace running? (${String(error)})`);
  });
  const answer = (await response.json()) as { error?: { message: string } };
  if (!response.ok) throw new UsageError(answer.error?.message ?? `The edge answered ${response.status}.`);
  return answer;
}
