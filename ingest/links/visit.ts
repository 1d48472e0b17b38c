// What is read of a visit's request, once, while it can be read. All of it is the visitor's own word: kept short,
// checked, and never shown as anything but text.
import type { Exchange, RequestHead } from "../server/exchange.ts";

export class Visit {
  readonly address: string;
  readonly userAgent: string;
  /** The referring page's address, as it was sent; empty when there is none. */
  readonly referrer: string;
  /** The languages that the visitor reads, as they were sent. */
  readonly languages: string;
  /** The browser fetches ahead: nobody has clicked yet. */
  readonly isPrefetch: boolean;
  readonly query: string;
  readonly isHead: boolean;
  readonly #head: RequestHead;
  #wantsPage: boolean | undefined;

  constructor(exchange: Exchange, head: RequestHead, address: string) {
    this.address = address;
    this.userAgent = head.header("user-agent");
    this.referrer = head.header("referer");
    this.languages = head.header("accept-language");
    this.isPrefetch = isPrefetch(head);
    this.query = head.query();
    this.isHead = exchange.isHead;
    this.#head = head;
  }

  /** A browser asks: it gets a page where a program gets JSON. Nearly all visits are redirected: then nobody looks. */
  get wantsPage(): boolean {
    return (this.#wantsPage ??= this.#head.header("accept").includes("text/html"));
  }

  /** Before the handler first waits: the request cannot be read afterwards. */
  keep(): void {
    void this.wantsPage;
  }
}

const domainLengthMax = 253;
const plainDomain = /^[a-z0-9.-]+$/;
const languageTag = /^[a-z]{2,3}(?![a-z])/i;

/** Primary tag of the preferred language, such as "nl"; empty when unknown. */
export function readLanguage(languages: string): string {
  return languageTag.exec(languages)?.[0].toLowerCase() ?? "";
}

/** "Sec-Purpose: prefetch;prerender" of Chrome and Firefox, "Purpose: prefetch" of Safari. */
function isPrefetch(head: RequestHead): boolean {
  return isAhead(head.header("sec-purpose")) || isAhead(head.header("purpose"));
}

function isAhead(purpose: string): boolean {
  return purpose !== "" && /prefetch|prerender|preview/i.test(purpose);
}

/** Host of a referrer, without "www.". Empty for what has none that is plain; new URL() would take 1 µs. */
export function readDomain(referrer: string): string {
  const schemeEnd = referrer.indexOf("://");
  if (schemeEnd <= 0 || schemeEnd > 30) return "";
  let end = schemeEnd + 3;
  while (end < referrer.length && !endsHost(referrer.charCodeAt(end))) end += 1;
  const host = referrer.slice(schemeEnd + 3, end).toLowerCase();
  const domain = host.startsWith("www.") ? host.slice(4) : host;
  if (domain.length > domainLengthMax) return "";
  if (plainDomain.test(domain)) return domain;
  // A name and password, a port, letters beyond ASCII.
  const parsed = URL.parse(referrer.slice(0, end))?.hostname ?? "";
  const hostname = parsed.startsWith("www.") ? parsed.slice(4) : parsed;
  return hostname.length > domainLengthMax ? "" : hostname;
}

/** Slash, question mark, hash. */
function endsHost(unit: number): boolean {
  return unit === 0x2f || unit === 0x3f || unit === 0x23;
}
