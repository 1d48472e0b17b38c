// Links in Redis, between the memory of the edges and Postgres: names of the keys, how a link stands there, and the
// scripts that change it. Written by the links service with every change, and by an edge that had to ask for a link.
// All of it may be lost at any time: it is read again from Postgres.
import type { ResolvedLink } from "./link.ts";

export const linkCacheLimits = {
  /** From when a link was read from Postgres until it must be read there again. Hits never make it longer. */
  knownMsMax: 60_000,
  /** How long a code without a link is not looked for again. */
  missingMs: 10_000,
  /** How long the count of a link with `max_clicks` stays without a click; restored from the stored clicks then. */
  clicksMs: 30 * 24 * 3600 * 1000,
} as const;

/** Told on core NATS after a link was made, changed or deleted: Postgres first, then Redis, then this. */
export const linksChangedSubject = "links.changed";

export interface LinkChange {
  domain: string;
  code: string;
  /**
   * Grows with every change of what stands at this address, also when a link is deleted and another one made there:
   * an older version never replaces a newer one.
   */
  version: number;
}

/** What stands at an address: a link, or nothing since `version` (0: nothing that is known of). */
export interface CachedLink {
  version: number;
  link: ResolvedLink | null;
}

/** Short name of an address; codes hold no slash, so that no two are the same. */
export function linkAddress(domain: string, code: string): string {
  return domain === "" ? code : `${domain}/${code}`;
}

export function linkKey(domain: string, code: string): string {
  return `millrace:link:${linkAddress(domain, code)}`;
}

/**
 * Counts the redirects of a link with `max_clicks`. Absent: not known. Who makes such a link may put 0 there (NX, for
 * clicksMs), so that its first click does not wait until the stored ones are counted.
 */
export function linkClicksKey(linkId: number): string {
  return `millrace:link-clicks:${linkId}`;
}

/** The version stands in front, where the script reads it without parsing the rest. */
export function encodeCachedLink({ version, link }: CachedLink): string {
  return `${version} ${JSON.stringify(link)}`;
}

/** Undefined for what cannot be read: written by another version of this program. */
export function decodeCachedLink(text: string): CachedLink | undefined {
  const space = text.indexOf(" ");
  const version = Number(text.slice(0, space));
  if (space < 1 || !Number.isSafeInteger(version) || version < 0) return undefined;
  try {
    const link = JSON.parse(text.slice(space + 1)) as ResolvedLink | null;
    return link === null || typeof link.url === "string" ? { version, link } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Reads what stands at addresses. KEYS: linkKey of each. Answers two values for each: the text of encodeCachedLink, or
 * nothing, and the milliseconds until it ends.
 */
export const readLinksScript = `
local answers = {}
for index, key in ipairs(KEYS) do
  local text = redis.call("GET", key)
  answers[index * 2 - 1] = text
  answers[index * 2] = text and redis.call("PTTL", key) or 0
end
return answers
`;

/**
 * Puts what stands at addresses, unless a newer version is there. KEYS: linkKey of each. ARGV, three for each: version,
 * the text of encodeCachedLink, milliseconds until it ends (knownMsMax; missingMs for an address that no link was ever
 * at). Answers how many were put.
 */
export const putLinksScript = `
local count = 0
for index, key in ipairs(KEYS) do
  local version = tonumber(ARGV[index * 3 - 2])
  local old = redis.call("GET", key)
  local known = old and tonumber(string.match(old, "^(%d+) "))
  if not known or known <= version then
    redis.call("SET", key, ARGV[index * 3 - 1], "PX", ARGV[index * 3])
    count = count + 1
  end
end
return count
`;

/**
 * Takes one redirect of a link with \`max_clicks\`. KEYS: linkClicksKey. ARGV: the most there may be, milliseconds
 * that the count is kept. Answers the number of this redirect, 0 when all are used, -1 when Redis does not know the
 * count (any more) and it has to be restored.
 */
export const takeClickScript = `
local used = redis.call("GET", KEYS[1])
if not used then return -1 end
if tonumber(used) >= tonumber(ARGV[1]) then return 0 end
redis.call("PEXPIRE", KEYS[1], ARGV[2])
return redis.call("INCR", KEYS[1])
`;

/** `svc.links.resolve_many`: what stands at each address, in the order they were asked for. */
export interface ResolveMany {
  addresses: { domain: string; code: string }[];
}
