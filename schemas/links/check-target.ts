// Where links may lead. What passes is kept and sent back byte for byte, so nothing may pass that a browser reads
// differently from how it looks here.
import { MillraceError } from "../errors.ts";

export const targetBytesMax = 8_192;

/** Controls, white space, what turns the reading direction, invisible characters, and what browsers take for a slash. */
const refusedCharacters = /[\p{Cc}\p{Cf}\p{Z}\\<>"`]/u;
const absolute = /^https?:\/\/[^/?#]/i;
const otherScheme = /^[a-z][a-z0-9+.-]*:/i;
const encoder = new TextEncoder();

/** This machine, by whatever name. */
const loopback =
  /^(?:localhost|.*\.localhost|127(?:\.\d{1,3}){3}|0\.0\.0\.0|\[::1?\]|\[::ffff:7f[0-9a-f]{2}:[0-9a-f]{1,4}\])$/;

/** Throws URL_INVALID, or URL_FORBIDDEN. Answers the parsed URL; what is kept is the text. */
export function checkTarget(text: string, field = "url"): URL {
  if (encoder.encode(text).length > targetBytesMax)
    throw invalid(field, `is longer than ${targetBytesMax} bytes`);
  if (!text.isWellFormed() || refusedCharacters.test(text)) {
    throw invalid(
      field,
      "holds a space, a control character, a backslash or another character that URLs have not",
    );
  }
  if (!absolute.test(text)) {
    if (otherScheme.test(text) && !/^https?:/i.test(text))
      throw forbidden(field, "is neither http nor https");
    throw invalid(field, "is no absolute http or https URL");
  }
  if (!URL.canParse(text)) throw invalid(field, "cannot be parsed");
  const url = new URL(text);
  const authority = text.slice(text.indexOf("//") + 2).split(/[/?#]/, 1)[0] as string;
  if (authority.includes("@")) throw forbidden(field, "holds credentials");
  if (url.hostname === "" || url.hostname === ".") throw invalid(field, "has no host");
  return url;
}

/** True when the URL leads to the edge itself, which answers to `publicUrl`. */
export function isOwnAddress(url: URL, publicUrl: string): boolean {
  const own = new URL(publicUrl);
  if (portOf(url) !== portOf(own)) return false;
  const [host, ownHost] = [hostOf(url), hostOf(own)];
  return host === ownHost || (loopback.test(host) && loopback.test(ownHost));
}

/** In lower case, without the dot at the end that means the same. */
export function hostOf(url: URL): string {
  return url.hostname.toLowerCase().replace(/\.$/, "");
}

function portOf(url: URL): string {
  return url.port || (url.protocol === "https:" ? "443" : "80");
}

function invalid(field: string, why: string): MillraceError {
  return new MillraceError("URL_INVALID", {
    message: `\`${field}\` ${why}.`,
    details: [{ path: field, message: why }],
  });
}

export function forbidden(field: string, why: string): MillraceError {
  return new MillraceError("URL_FORBIDDEN", {
    message: `\`${field}\` ${why}.`,
    details: [{ path: field, message: why }],
  });
}
