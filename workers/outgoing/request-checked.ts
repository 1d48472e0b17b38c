// A request to where somebody else says: only to an address that was looked at, on a connection of its own, without
// anything that this process keeps (cookies, proxies, credentials).
import { request as requestPlain, type ClientRequest, type IncomingMessage } from "node:http";
import { request as requestTls } from "node:https";
import { isIP } from "node:net";
import { AddressRefused, type AddressGuard } from "./guard-address.ts";

export interface CheckedRequest {
  readonly method: "GET" | "POST";
  readonly headers: Readonly<Record<string, string | number>>;
  readonly signal: AbortSignal;
}

/** Throws AddressRefused for an address that is written out and may not be reached; names fail as `error` events. */
export function requestChecked(
  url: URL,
  guard: AddressGuard,
  options: CheckedRequest,
  onAnswer: (response: IncomingMessage) => void,
): ClientRequest {
  const port = url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port);
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  // Addresses written out are not looked up.
  if (isIP(host) !== 0 && !guard.allows(host, port)) throw new AddressRefused();
  const open = url.protocol === "https:" ? requestTls : requestPlain;
  return open(
    url,
    {
      method: options.method,
      // A connection that is kept would not be looked up again.
      agent: false,
      lookup: guard.lookupFor(port),
      signal: options.signal,
      headers: options.headers,
    },
    onAnswer,
  );
}
