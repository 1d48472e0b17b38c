// A link as the edge keeps it: what every redirect and every click of it have in common is built once.
import type { ResolvedLink } from "#schemas/links/link.ts";
import { bytesOf, encodeLong, encodeString } from "#schemas/events/event-text.ts";
import { linkClickedEvent } from "#schemas/links/link-clicked.ts";
import type { Header } from "../server/exchange.ts";
import { buildUtmMembers, readUtm, type Utm } from "./read-utm.ts";

/** How long a browser may repeat a permanent redirect by itself: a change or a deletion is seen after that. */
const permanentSecondsMax = 60;

const neverKept: Header = ["Cache-Control", "private, no-store"];

export interface PreparedLink extends ResolvedLink {
  /** Of a redirect to the link's own target, as it was given. */
  readonly redirectHeaders: readonly Header[];
  /** The first fields of a click, encoded: see event-text.ts. */
  readonly clickHead: string;
  /** First members of a click's properties as bytes, without the closing brace. */
  readonly clickPrefix: string;
  /** Campaign parameters of the target. */
  readonly utm: Utm;
  /** The same as members of a click's properties, as bytes. */
  readonly utmMembers: string;
  /** About what it takes in memory. */
  readonly bytes: number;
}

export function prepareLink(link: ResolvedLink): PreparedLink {
  const clickPrefix = bytesOf(
    `{"link_id":${JSON.stringify(link.publicId)},"code":${JSON.stringify(link.code)},` +
      `"domain":${JSON.stringify(link.domain)}`,
  );
  const utm = readUtm(link.url);
  const utmMembers = bytesOf(buildUtmMembers(utm));
  return {
    ...link,
    redirectHeaders: [["Location", link.url], cacheControlOf(link)],
    clickHead: encodeLong(link.projectId) + encodeString(linkClickedEvent),
    clickPrefix,
    utm,
    utmMembers,
    // Measured: 700 bytes for a link with a short target; texts are held once each.
    bytes:
      850 +
      link.url.length * 2 +
      (link.expiredUrl?.length ?? 0) +
      (link.title?.length ?? 0) * 2 +
      clickPrefix.length +
      utmMembers.length,
  };
}

/** A redirect that depends on the clock, on a count or on a password is asked for every time. */
function cacheControlOf(link: ResolvedLink): Header {
  const isPermanent = link.redirect === 301 || link.redirect === 308;
  const mayBeKept = link.expiresAtMs === null && link.maxClicks === null && !link.hasPassword;
  return isPermanent && mayBeKept ? ["Cache-Control", `private, max-age=${permanentSecondsMax}`] : neverKept;
}

/** Headers of a redirect to `location` that nobody may keep. */
export function buildRedirectHeaders(location: string): readonly Header[] {
  return [["Location", location], neverKept];
}

/** Beyond it the query string of the visit is left out. */
const locationLengthMax = 16 * 1024;

/** The target with the query string of the visit behind its own. */
export function buildLocation(link: PreparedLink, query: string): string {
  if (query === "" || !link.forwardQuery || link.url.length + query.length > locationLengthMax)
    return link.url;
  const { url } = link;
  const hash = url.indexOf("#");
  const end = hash === -1 ? url.length : hash;
  const mark = url.indexOf("?");
  let joint = "?";
  if (mark !== -1 && mark < end) {
    const last = url[end - 1];
    joint = last === "?" || last === "&" ? "" : "&";
  }
  return `${url.slice(0, end)}${joint}${encodeQuery(query)}${url.slice(end)}`;
}

const plainQuery = /^[\x21-\x7e]*$/;

/** A query string comes from the visitor: nothing of it may end a header or be no text. */
function encodeQuery(query: string): string {
  if (plainQuery.test(query)) return query;
  return query.replace(/[^\x21-\x7e]+/g, (text) => encodeURIComponent(text.toWellFormed()));
}
