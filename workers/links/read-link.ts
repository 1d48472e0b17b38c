// What a request says about a link, as it will stand in its row. Whether it leads to a short link again is decided with
// the store, which knows everybody's domains.
import { isIP } from "node:net";
import { MillraceError } from "#schemas/errors.ts";
import { addCampaign, type Campaign } from "#schemas/links/add-campaign.ts";
import { checkAlias } from "#schemas/links/check-alias.ts";
import { checkTarget, forbidden, hostOf, isOwnAddress, targetBytesMax } from "#schemas/links/check-target.ts";
import type { LinkChanges, NewLink } from "#schemas/links/link-contract.ts";
import { invalidBody } from "#schemas/operations/read-body.ts";
import { hashPassword } from "./passwords.ts";

/** The columns that a request decides. */
export interface LinkFields {
  url: string;
  target: string;
  redirect: number;
  forward_query: boolean;
  expires_at: string | null;
  expired_url: string | null;
  max_clicks: number | null;
  password_hash: string | null;
  tags: string[];
  utm: Campaign | null;
  title: string | null;
  title_by: "person" | "page" | null;
  external_id: string | null;
}

/** A link to be made. */
export interface LinkDraft extends LinkFields {
  domain: string;
  /** Null: the code is drawn. */
  alias: string | null;
  /** Hosts that it leads to, for the check against everybody's domains. */
  hosts: string[];
}

const zoned = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})$/i;
const instantMsMax = 253_402_300_799_999;
const domainPattern =
  /^(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])$/;

export async function readNewLink(body: NewLink, publicUrl: string): Promise<LinkDraft> {
  const domain = readDomain(body.domain ?? "", publicUrl);
  if (domain === undefined) throw invalidBody([{ path: "domain", message: "is no name of a domain" }]);
  if (body.alias !== undefined) checkAlias(body.alias);
  const fields = await readFields(body, publicUrl, undefined);
  return { ...fields, domain, alias: body.alias ?? null, hosts: hostsOf(fields) };
}

/** `before`: what stands there now, for a change. */
export async function readFields(
  body: LinkChanges,
  publicUrl: string,
  before: LinkFields | undefined,
): Promise<LinkFields> {
  const url = body.url ?? before?.url ?? "";
  if (body.url !== undefined) checkUrl("url", body.url, publicUrl);
  if (typeof body.expired_url === "string") checkUrl("expired_url", body.expired_url, publicUrl);
  const utm = body.utm === undefined ? (before?.utm ?? null) : body.utm;
  const target = addCampaign(url, utm);
  if (Buffer.byteLength(target) > targetBytesMax) {
    throw new MillraceError("URL_INVALID", {
      message: `\`url\` with its campaign parameters is longer than ${targetBytesMax} bytes.`,
    });
  }
  const keep = <K extends keyof LinkFields & keyof LinkChanges>(
    name: K,
    absent: LinkFields[K],
  ): LinkFields[K] => {
    const given = body[name] as LinkFields[K] | undefined;
    return given !== undefined ? given : before === undefined ? absent : before[name];
  };
  return {
    url,
    target,
    redirect: keep("redirect", 302),
    forward_query: keep("forward_query", false),
    expires_at: body.expires_at === undefined ? (before?.expires_at ?? null) : readInstant(body.expires_at),
    expired_url: keep("expired_url", null),
    max_clicks: keep("max_clicks", null),
    password_hash:
      body.password === undefined
        ? (before?.password_hash ?? null)
        : body.password === null
          ? null
          : await hashPassword(body.password),
    tags: keep("tags", []),
    utm: utm !== null && Object.keys(utm).length > 0 ? utm : null,
    ...readTitle(body, before),
    external_id: keep("external_id", null),
  };
}

/** A title that was read from a page goes with the page; what a person said stays, also that there is to be none. */
function readTitle(
  body: LinkChanges,
  before: LinkFields | undefined,
): Pick<LinkFields, "title" | "title_by"> {
  if (body.title !== undefined) return { title: body.title, title_by: "person" };
  const isOfOtherPage = before?.title_by === "page" && body.url !== undefined && body.url !== before.url;
  if (before === undefined || isOfOtherPage) return { title: null, title_by: null };
  return { title: before.title, title_by: before.title_by };
}

/** Hosts that visitors are sent to. */
export function hostsOf({ url, expired_url }: Pick<LinkFields, "url" | "expired_url">): string[] {
  return [url, expired_url].flatMap((each) => (each === null ? [] : [hostOf(new URL(each))]));
}

/** Lower case, IDN in ASCII; "" for the server's own address; undefined for what is no domain. */
export function readDomain(text: string, publicUrl: string): string | undefined {
  if (text === "") return "";
  if (/[/?#@:\\\s]/.test(text) || !URL.canParse(`http://${text}`)) return undefined;
  const name = hostOf(new URL(`http://${text}`));
  if (name === hostOf(new URL(publicUrl))) return "";
  return isIP(name) === 0 && domainPattern.test(name) ? name : undefined;
}

function checkUrl(field: string, text: string, publicUrl: string): void {
  if (isOwnAddress(checkTarget(text, field), publicUrl)) throw forbidden(field, "leads to this server again");
}

function readInstant(given: string | number | null): string | null {
  if (given === null) return null;
  const ms = typeof given === "number" ? given : zoned.test(given) ? Date.parse(given) : Number.NaN;
  if (!(ms >= 0 && ms <= instantMsMax)) {
    throw invalidBody([
      { path: "expires_at", message: "must be an ISO 8601 time with zone, or epoch milliseconds" },
    ]);
  }
  return new Date(ms).toISOString();
}
