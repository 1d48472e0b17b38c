// GET and HEAD /{code}: the redirect. A known link is answered at once and without a promise; its click goes into the
// group commit afterwards. Expiry is compared with the clock at every visit.
import { MillraceError } from "#schemas/errors.ts";
import type { Exchange, Header, RequestHead } from "../server/exchange.ts";
import type { AddressLimits } from "./address-limits.ts";
import {
  answerGone,
  answerMissing,
  answerPasswordForm,
  answerPreview,
  answerRefused,
} from "./answer-visit.ts";
import type { ClickLimits } from "./click-limits.ts";
import type { LinkFinder } from "./find-link.ts";
import type { LinkCounters } from "./metrics.ts";
import { buildLocation, buildRedirectHeaders, type PreparedLink } from "./prepared-link.ts";
import type { ClickRecorder } from "./record-clicks.ts";
import { Visit } from "./visit.ts";

export interface RedirectParts {
  readonly finder: LinkFinder;
  readonly clickLimits: ClickLimits;
  readonly clicks: ClickRecorder;
  readonly addressLimits: AddressLimits;
  readonly counters: LinkCounters;
  readonly domainOf: (host: string) => string;
  readonly addressOf: (exchange: Exchange, head: RequestHead) => string;
}

/** What stands in the path, without a trailing "+"; undefined when it cannot be a link's code. */
export interface Asked {
  readonly domain: string;
  readonly code: string;
  readonly isPreview: boolean;
}

/** Codes and aliases are shorter; what is longer or has other signs was never made. */
const codePattern = /^[A-Za-z0-9_-]{1,100}$/;

export function readAsked(head: RequestHead, domainOf: RedirectParts["domainOf"]): Asked | undefined {
  let text: string;
  try {
    text = head.parameter(0);
  } catch {
    return undefined;
  }
  const isPreview = text.endsWith("+");
  const code = isPreview ? text.slice(0, -1) : text;
  return codePattern.test(code) ? { domain: domainOf(head.header("host")), code, isPreview } : undefined;
}

export function createRedirect(parts: RedirectParts) {
  const { finder, counters } = parts;

  return function redirect(exchange: Exchange, head: RequestHead): void | Promise<void> {
    const nowMs = Date.now();
    const visit = new Visit(exchange, head, parts.addressOf(exchange, head));
    const limited = parts.addressLimits.take(visit.address, nowMs);
    if (limited !== undefined) {
      counters.outcomes.limited += 1;
      answerRefused(exchange, visit, limited);
      return undefined;
    }
    const asked = readAsked(head, parts.domainOf);
    if (asked === undefined) {
      counters.outcomes.missing += 1;
      answerMissing(exchange, visit);
      return undefined;
    }
    const found = finder.find(asked.domain, asked.code, nowMs);
    if (!(found instanceof Promise)) return answer(exchange, visit, asked, found, nowMs);
    visit.keep();
    return found.then(
      (link) => answer(exchange, visit, asked, link, Date.now()),
      (error: unknown) => refuse(exchange, visit, error),
    );
  };

  function answer(
    exchange: Exchange,
    visit: Visit,
    asked: Asked,
    link: PreparedLink | null,
    nowMs: number,
  ): void | Promise<void> {
    if (link === null) {
      counters.outcomes.missing += 1;
      answerMissing(exchange, visit);
    } else if (link.expiresAtMs !== null && nowMs >= link.expiresAtMs) {
      counters.outcomes.gone += 1;
      answerGone(exchange, visit, link, "expired");
    } else if (asked.isPreview) {
      counters.outcomes.preview += 1;
      answerPreview(exchange, visit, link);
    } else if (link.hasPassword) {
      counters.outcomes.password += 1;
      answerPasswordForm(exchange, visit, undefined);
    } else if (link.maxClicks !== null) {
      visit.keep();
      return answerCounted(exchange, visit, link, link.maxClicks);
    } else {
      follow(parts, exchange, visit, link, nowMs, redirectHeaders(link, visit.query));
    }
    return undefined;
  }

  async function answerCounted(
    exchange: Exchange,
    visit: Visit,
    link: PreparedLink,
    maxClicks: number,
  ): Promise<void> {
    if (visit.isPrefetch && !visit.isHead) {
      // The browser asks again when somebody clicks: fetching ahead must not use up a link.
      counters.outcomes.preview += 1;
      exchange.answerEmpty(503, [
        ["Cache-Control", "private, no-store"],
        ["Retry-After", "1"],
      ]);
      return;
    }
    try {
      const { clickLimits } = parts;
      const isLeft = visit.isHead
        ? await clickLimits.hasLeft(link, maxClicks)
        : await clickLimits.take(link, maxClicks);
      if (isLeft) {
        follow(parts, exchange, visit, link, Date.now(), redirectHeaders(link, visit.query));
        return;
      }
      counters.outcomes.gone += 1;
      answerGone(exchange, visit, link, "used");
    } catch (error) {
      refuse(exchange, visit, error);
    }
  }

  function refuse(exchange: Exchange, visit: Visit, error: unknown): void {
    if (!(error instanceof MillraceError)) throw error;
    counters.outcomes.unavailable += 1;
    answerRefused(exchange, visit, error);
  }
}

function redirectHeaders(link: PreparedLink, query: string): readonly Header[] {
  if (query === "" || !link.forwardQuery) return link.redirectHeaders;
  return buildRedirectHeaders(buildLocation(link, query));
}

/** Sends the visitor on; then, unless only the head was asked for, it is a click. */
export function follow(
  parts: RedirectParts,
  exchange: Exchange,
  visit: Visit,
  link: PreparedLink,
  nowMs: number,
  headers: readonly Header[],
  status: number = link.redirect,
): void {
  // A visitor who left before the answer was not sent anywhere.
  if (exchange.done) return;
  exchange.answerEmpty(status, headers);
  parts.counters.outcomes.redirected += 1;
  if (!visit.isHead) parts.clicks.record(link, visit, nowMs);
}
