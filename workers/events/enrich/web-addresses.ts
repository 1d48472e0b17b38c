// What is read from the addresses of a page and of its referrer. Addresses come from anywhere: nothing here
// throws, and what cannot be read is empty.

/** Longest value kept: the columns are dictionaries. */
const valueUnitsMax = 200;

export interface Campaign {
  source: string;
  medium: string;
  campaign: string;
}

const plainHost = /^[a-z0-9.-]+$/;

/**
 * Host of an address, in lower case, without port and without a leading "www.": "https://www.Google.com/x" is
 * google.com. Empty for what has no host, such as PostHog's "$direct". Addresses without a scheme have none.
 */
export function domainOf(address: string): string {
  const schemeEnd = address.indexOf("://");
  if (schemeEnd <= 0 || schemeEnd > 30) return "";
  const start = schemeEnd + 3;
  let end = start;
  while (end < address.length && !endsHost(address.charCodeAt(end))) end += 1;
  if (end - start > valueUnitsMax) return "";
  const authority = address.slice(start, end).toLowerCase();
  // new URL() takes 1 µs; nearly all hosts are plain and need none of it.
  if (plainHost.test(authority)) return withoutWww(authority);
  const parsed = URL.parse(address.slice(0, end));
  return parsed === null ? "" : withoutWww(parsed.hostname);
}

/** Slash, question mark, hash. */
function endsHost(unit: number): boolean {
  return unit === 0x2f || unit === 0x3f || unit === 0x23;
}

function withoutWww(host: string): string {
  return host.startsWith("www.") ? host.slice(4) : host;
}

/** Campaign parameters of an address into `found`, only those that are there and not empty. */
export function readCampaign(address: string, found: Campaign): void {
  const query = address.indexOf("?");
  if (query === -1 || !address.includes("utm_", query)) return;
  const fragment = address.indexOf("#", query);
  const end = fragment === -1 ? address.length : fragment;
  let start = query + 1;
  while (start < end) {
    const ampersand = address.indexOf("&", start);
    const next = ampersand === -1 || ampersand > end ? end : ampersand;
    if (address.startsWith("utm_", start)) readParameter(address.slice(start, next), found);
    start = next + 1;
  }
}

function readParameter(parameter: string, found: Campaign): void {
  const equals = parameter.indexOf("=");
  if (equals === -1) return;
  const value = decode(parameter.slice(equals + 1));
  if (value === "") return;
  switch (parameter.slice(0, equals)) {
    case "utm_source":
      found.source ||= value;
      break;
    case "utm_medium":
      found.medium ||= value;
      break;
    case "utm_campaign":
      found.campaign ||= value;
      break;
    default:
  }
}

/** Form decoding; a value with broken escapes stays as it was sent. */
function decode(value: string): string {
  const spaced = value.includes("+") ? value.replaceAll("+", " ") : value;
  if (!spaced.includes("%")) return cut(spaced);
  try {
    return cut(decodeURIComponent(spaced));
  } catch {
    return cut(spaced);
  }
}

export function cut(value: string): string {
  return value.length > valueUnitsMax ? value.slice(0, valueUnitsMax) : value;
}
