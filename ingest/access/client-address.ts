// The address of who sends a request: that of the connection, unless a proxy that is trusted passes the request on and
// says whose it is. What stands left of the first address that is not trusted was written by that sender: not believed.
import { BlockList, isIP, SocketAddress } from "node:net";
import type { RequestHead } from "../server/exchange.ts";

/** Longer lists were not written by proxies. */
const hopsMax = 64;
/** Addresses whose canonical text is remembered: taking one apart costs 0.5 µs. */
const knownMax = 10_000;

/** Canonical text of the address; equal addresses have equal texts. */
export type ClientAddress = (head: RequestHead, remoteAddress: string) => string;

/** `trustedProxies`: CIDRs or addresses. */
export function createClientAddress(trustedProxies: readonly string[]): ClientAddress {
  if (trustedProxies.length === 0) {
    const known = new Map<string, string>();
    return (_head, remoteAddress) => {
      let address = known.get(remoteAddress);
      if (address === undefined) {
        address = parseAddress(remoteAddress) ?? remoteAddress;
        if (known.size >= knownMax) known.clear();
        known.set(remoteAddress, address);
      }
      return address;
    };
  }
  const trusted = new BlockList();
  for (const network of trustedProxies) addNetwork(trusted, network);
  const isTrusted = (address: string): boolean =>
    trusted.check(address, isIP(address) === 4 ? "ipv4" : "ipv6");

  return (head, remoteAddress) => {
    const remote = parseAddress(remoteAddress);
    if (remote === undefined) return remoteAddress;
    if (!isTrusted(remote)) return remote;
    const hops = head.headerLines("x-forwarded-for").join(",").split(",").slice(-hopsMax);
    let nearest = remote;
    for (const hop of hops.reverse()) {
      const address = parseAddress(hop);
      if (address === undefined) return nearest;
      if (!isTrusted(address)) return address;
      nearest = address;
    }
    return nearest;
  };
}

/** Also with a port, in brackets, or as IPv4 mapped into IPv6; undefined when it is none. */
export function parseAddress(text: string): string | undefined {
  const bare = withoutPort(text.trim());
  if (isIP(bare) === 4) return bare;
  if (isIP(bare) !== 6 || bare.includes("%")) return undefined;
  const { address } = new SocketAddress({ address: bare, family: "ipv6" });
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address);
  return mapped?.[1] ?? address;
}

function withoutPort(text: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d+)?$/.exec(text);
  if (bracketed) return bracketed[1] as string;
  const withPort = /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(text);
  return withPort?.[1] ?? text;
}

function addNetwork(list: BlockList, network: string): void {
  const [address = "", bits] = network.split("/");
  const family = isIP(address) === 4 ? "ipv4" : "ipv6";
  if (bits === undefined) list.addAddress(address, family);
  else list.addSubnet(address, Number(bits), family);
}
