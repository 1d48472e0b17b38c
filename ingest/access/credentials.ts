// The key in a request's Authorization header, and its hash: keys are looked up and cached by hash only.
import { hash } from "node:crypto";

const keyLengthMax = 512;

/** The key of a Bearer header, or of a Basic header where `basic` is allowed (key as user name); else empty. */
export function parseKey(authorization: string, basic: boolean): string {
  const space = authorization.indexOf(" ");
  if (space < 0 || authorization.length > keyLengthMax) return "";
  const scheme = authorization.slice(0, space).toLowerCase();
  const value = authorization.slice(space + 1).trim();
  if (scheme === "bearer") return value;
  if (scheme !== "basic" || !basic) return "";
  const decoded = Buffer.from(value, "base64").toString();
  const colon = decoded.indexOf(":");
  return colon < 0 ? decoded : decoded.slice(0, colon);
}

export function hashKey(key: string): string {
  return hash("sha256", key, "hex");
}
