// What a visit of a short link is answered when it is not redirected: a page for browsers, JSON for programs.
import { MillraceError } from "#schemas/errors.ts";
import type { Exchange, Header } from "../server/exchange.ts";
import { buildNotice, buildPasswordForm, buildPreview, pageHeaders, pageType } from "./pages.ts";
import { buildRedirectHeaders, type PreparedLink } from "./prepared-link.ts";
import type { Visit } from "./visit.ts";

const neverKept: Header = ["Cache-Control", "private, no-store"];
const temporaryRedirect = 302;
/** One for all: making an error costs more than finding out that there is no link. */
const noLink = new MillraceError("LINK_NOT_FOUND");
const noLinkPage = Buffer.from(buildNotice("Nothing here", noLink.message));

export function answerMissing(exchange: Exchange, visit: Visit): void {
  if (visit.wantsPage) exchange.answer(noLink.status, noLinkPage, pageHeaders, pageType);
  else exchange.fail(noLink, [neverKept]);
}

/** Expired or used up: gone, or on to where the link says. */
export function answerGone(
  exchange: Exchange,
  visit: Visit,
  link: PreparedLink,
  reason: "expired" | "used",
): void {
  if (link.expiredUrl !== null) {
    exchange.answerEmpty(temporaryRedirect, buildRedirectHeaders(link.expiredUrl));
    return;
  }
  const message =
    reason === "expired" ? "This link has expired." : "This link was used as often as it may be.";
  answerError(exchange, visit, new MillraceError("LINK_EXPIRED", { message }), "No longer here");
}

export function answerRefused(exchange: Exchange, visit: Visit, error: MillraceError): void {
  answerError(exchange, visit, error, error.status === 429 ? "Too many visits" : "Try again shortly");
}

/** `problem`: why the password that was sent did not open it. */
export function answerPasswordForm(
  exchange: Exchange,
  visit: Visit,
  problem: MillraceError | undefined,
): void {
  const error = problem ?? new MillraceError("LINK_PASSWORD_REQUIRED");
  if (visit.wantsPage) {
    const headers = [...pageHeaders, ...retryAfter(error)];
    exchange.answer(error.status, buildPasswordForm(problem?.message), headers, pageType);
  } else {
    exchange.fail(error, [neverKept]);
  }
}

export function answerPreview(exchange: Exchange, visit: Visit, link: PreparedLink): void {
  const url = link.hasPassword ? undefined : link.url;
  // Kept by an edge of before links had one: none.
  const title = link.hasPassword ? null : (link.title ?? null);
  if (!visit.wantsPage) {
    const body = {
      code: link.code,
      domain: link.domain,
      url: url ?? null,
      title,
      has_password: link.hasPassword,
      expires_at: link.expiresAtMs === null ? null : new Date(link.expiresAtMs).toISOString(),
      max_clicks: link.maxClicks,
    };
    exchange.answer(200, JSON.stringify(body), [neverKept]);
    return;
  }
  const notes: string[] = [];
  if (link.expiresAtMs !== null) {
    notes.push(
      `It works until ${new Date(link.expiresAtMs).toISOString().slice(0, 16).replace("T", " ")} UTC.`,
    );
  }
  if (link.maxClicks !== null) notes.push(`It works ${link.maxClicks} times altogether.`);
  exchange.answer(200, buildPreview({ code: link.code, url, title, notes }), pageHeaders, pageType);
}

function answerError(exchange: Exchange, visit: Visit, error: MillraceError, title: string): void {
  if (visit.wantsPage) {
    const headers = [...pageHeaders, ...retryAfter(error)];
    exchange.answer(error.status, buildNotice(title, error.message), headers, pageType);
  } else {
    exchange.fail(error, [neverKept]);
  }
}

function retryAfter({ status, retryAfterSeconds }: MillraceError): Header[] {
  if (status !== 429 && status !== 503) return [];
  return [["Retry-After", String(Math.max(1, Math.ceil(retryAfterSeconds ?? 1)))]];
}
