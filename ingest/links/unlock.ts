// POST /{code}: the password of a protected link, from the page's form or as JSON. The links service compares it and
// limits the tries; the right one sends the visitor on, and only then it is a click.
import { MillraceError } from "#schemas/errors.ts";
import type { Exchange, RequestHead } from "../server/exchange.ts";
import { answerGone, answerMissing, answerPasswordForm, answerRefused } from "./answer-visit.ts";
import { buildLocation, buildRedirectHeaders, type PreparedLink } from "./prepared-link.ts";
import { follow, readAsked, type Asked, type RedirectParts } from "./redirect.ts";
import { Visit } from "./visit.ts";

/** Answers the target when the password is right. Throws RATE_LIMITED after too many tries. */
export type TryPassword = (request: {
  domain: string;
  code: string;
  password: string;
  address: string;
}) => Promise<{ ok: boolean; url: string | null }>;

const bodyLimits = { bytesMax: 8 * 1024, deadlineMs: 10_000, keep: true };
const passwordLengthMax = 1_000;
/** The visitor's browser goes on with GET: the password is not sent to the target. */
const seeOther = 303;

export function createUnlock(parts: RedirectParts, tryPassword: TryPassword) {
  const { counters } = parts;

  return async function unlock(exchange: Exchange, head: RequestHead): Promise<void> {
    // Everything of the head is read before the first await.
    const nowMs = Date.now();
    const visit = new Visit(exchange, head, parts.addressOf(exchange, head));
    visit.keep();
    const isJson = head.header("content-type").includes("json");
    const limited = parts.addressLimits.take(visit.address, nowMs);
    const asked = readAsked(head, parts.domainOf);
    const body = new Promise<Buffer>((resolve) => {
      exchange.readBody(bodyLimits, resolve);
    });
    if (limited !== undefined) {
      counters.outcomes.limited += 1;
      answerRefused(exchange, visit, limited);
      return;
    }
    if (asked === undefined) {
      counters.outcomes.missing += 1;
      answerMissing(exchange, visit);
      return;
    }
    try {
      const link = await parts.finder.find(asked.domain, asked.code, nowMs);
      await open(exchange, visit, asked, link, readPassword(await body, isJson));
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      counters.outcomes[error.status === 429 ? "limited" : "unavailable"] += 1;
      if (error.code === "RATE_LIMITED") answerPasswordForm(exchange, visit, error);
      else answerRefused(exchange, visit, error);
    }
  };

  async function open(
    exchange: Exchange,
    visit: Visit,
    asked: Asked,
    link: PreparedLink | null,
    password: string | undefined,
  ): Promise<void> {
    if (link === null) {
      counters.outcomes.missing += 1;
      answerMissing(exchange, visit);
      return;
    }
    if (link.expiresAtMs !== null && Date.now() >= link.expiresAtMs) {
      counters.outcomes.gone += 1;
      answerGone(exchange, visit, link, "expired");
      return;
    }
    let { url } = link;
    if (link.hasPassword) {
      if (password === undefined) {
        counters.outcomes.password += 1;
        answerPasswordForm(exchange, visit, undefined);
        return;
      }
      const { domain, code } = asked;
      const tried = await tryPassword({ domain, code, password, address: visit.address });
      if (!tried.ok) {
        counters.outcomes.password += 1;
        answerPasswordForm(exchange, visit, new MillraceError("LINK_PASSWORD_WRONG"));
        return;
      }
      url = tried.url ?? url;
    }
    if (link.maxClicks !== null && !(await parts.clickLimits.take(link, link.maxClicks))) {
      counters.outcomes.gone += 1;
      answerGone(exchange, visit, link, "used");
      return;
    }
    const location = buildLocation({ ...link, url }, visit.query);
    follow(parts, exchange, visit, link, Date.now(), buildRedirectHeaders(location), seeOther);
  }
}

/** Undefined when none was sent. */
function readPassword(body: Buffer, isJson: boolean): string | undefined {
  const text = body.toString();
  let password: unknown;
  if (isJson) {
    try {
      password = (JSON.parse(text) as { password?: unknown } | null)?.password;
    } catch (cause) {
      throw new MillraceError("MALFORMED_JSON", { cause });
    }
  } else {
    password = new URLSearchParams(text).get("password");
  }
  return typeof password === "string" && password !== "" ? password.slice(0, passwordLengthMax) : undefined;
}
