// Lists, makes and counts short links of a project from the command line, through the edge that runs.
import type { Link } from "#schemas/links/link-contract.ts";
import type { LinkStats } from "#schemas/links/link-stats.ts";
import { readConfig, type Config } from "../runtime/config.ts";
import { exitCodes } from "../runtime/life-cycle.ts";
import { readDefaultKeys } from "../supervisor/default-keys.ts";
import { edgeUrl } from "../supervisor/edge.ts";
import { UsageError, type Command } from "./command.ts";

const requestMsMax = 30_000;
const pageLinks = 100;

export const command: Command = {
  positionals: "[list | create <url> | stats <code>]",
  options: {
    key: { type: "string", placeholder: "key", description: "admin key; default: of the project default" },
    alias: { type: "string", placeholder: "name", description: "create: instead of a drawn code" },
    domain: {
      type: "string",
      placeholder: "name",
      description: "the link's domain; default: the server's own",
    },
    search: { type: "string", placeholder: "text", description: "list: part of the code, URL or title" },
  },
  run: async ({ env, values, positionals }) => {
    const config = readConfig(env);
    const [action = "list", which = "", ...rest] = positionals;
    if (rest.length > 0) throw new UsageError(`links ${action} takes nothing more than ${which}.`);
    const given = (name: string): string | undefined => {
      const value = values[name];
      return typeof value === "string" ? value : undefined;
    };
    const key = given("key") ?? config.adminKey ?? (await readDefaultKeys(config.dataDir))?.admin;
    if (key === undefined) {
      throw new UsageError(`There are no keys in ${config.dataDir} yet: start once, or give --key.`);
    }
    const domain = given("domain");
    const ask = (method: string, path: string, body?: object) => request(config, key, method, path, body);
    if (action === "list") {
      await list(ask, { search: given("search"), domain });
    } else if (action === "create" && which !== "") {
      const alias = given("alias");
      const body = {
        url: which,
        ...(alias === undefined ? {} : { alias }),
        ...(domain === undefined ? {} : { domain }),
      };
      console.log(((await ask("POST", "/v1/links", body)) as Link).short_url);
    } else if (action === "stats" && which !== "") {
      const query = domain === undefined ? "" : `?${new URLSearchParams({ domain }).toString()}`;
      show((await ask("GET", `/v1/links/${encodeURIComponent(which)}/stats${query}`)) as LinkStats);
    } else {
      throw new UsageError("links takes list, create <url>, or stats <code>.");
    }
    return exitCodes.ok;
  },
};

type Ask = (method: string, path: string, body?: object) => Promise<unknown>;

/** All of them, a page at a time. */
async function list(ask: Ask, filter: Readonly<Record<string, string | undefined>>): Promise<void> {
  const query = new URLSearchParams({ limit: String(pageLinks) });
  for (const [name, value] of Object.entries(filter)) if (value !== undefined) query.set(name, value);
  for (;;) {
    const page = (await ask("GET", `/v1/links?${query.toString()}`)) as {
      links: Link[];
      next_cursor: string | null;
    };
    for (const link of page.links)
      console.log(`${String(link.clicks).padStart(10)}  ${link.short_url}  ${link.url}`);
    if (page.next_cursor === null) return;
    query.set("cursor", page.next_cursor);
  }
}

function show(stats: LinkStats): void {
  const { clicks, unique_visitors: visitors, bots, previews, last_clicked_at: last } = stats;
  console.log(
    `clicks ${clicks}, visitors ${visitors}, bots ${bots}, previews ${previews}, last ${last ?? "never"}`,
  );
  for (const name of ["countries", "devices", "browsers", "os", "referrers"] as const) {
    const values = stats[name].values
      .slice(0, 5)
      .map(({ value, clicks: count }) => `${value ?? "unknown"} ${count}`);
    if (values.length > 0) console.log(`${name.padEnd(10)} ${values.join(", ")}`);
  }
}

async function request(
  config: Config,
  key: string,
  method: string,
  path: string,
  body?: object,
): Promise<unknown> {
  const response = await fetch(`${edgeUrl(config)}${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    signal: AbortSignal.timeout(requestMsMax),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  }).catch((error: unknown) => {
    throw new UsageError(`Nothing answers at ${edgeUrl(config)}; is Millrace running? (${String(error)})`);
  });
  const answer = (await response.json()) as { error?: { message: string } };
  if (!response.ok) throw new UsageError(answer.error?.message ?? `The edge answered ${response.status}.`);
  return answer;
}
