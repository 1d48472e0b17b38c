// What a request itself says about the people whose events it carries: a browser, and where it is. Libraries on servers
// speak for others, so their own user agent and address say nothing.
import type { ClientAddress } from "../access/client-address.ts";
import type { Place } from "../geo/read-place.ts";
import type { Places } from "../geo/places.ts";
import type { RequestHead } from "../server/exchange.ts";

export interface Origin {
  /** User-Agent of a browser, else empty. */
  readonly userAgent: string;
  readonly place: Place | undefined;
}

export type ReadOrigin = (head: RequestHead, remoteAddress: string) => Origin;

export function createReadOrigin(places: Places, clientAddress: ClientAddress): ReadOrigin {
  return (head, remoteAddress) => {
    const userAgent = browserOf(head.header("user-agent"));
    if (!places.available || userAgent === "") return { userAgent, place: undefined };
    return { userAgent, place: places.lookUp(clientAddress(head, remoteAddress)) };
  };
}

function browserOf(userAgent: string): string {
  return userAgent.startsWith("Mozilla/") ? userAgent : "";
}
