// Which links a request asks for: those of the installation itself, or those of the domain in its Host header.
import { isIP } from "node:net";

/** The part of a Host header before the port, in lower case; an IPv6 address without its brackets. */
function nameOf(host: string): string {
  const name = host.startsWith("[") ? host.slice(1, host.indexOf("]")) : (host.split(":")[0] as string);
  const lower = name.toLowerCase();
  return lower.endsWith(".") ? lower.slice(0, -1) : lower;
}

/**
 * Answers the domain of a Host header: empty for the installation's own addresses, which are the ones given, every IP
 * address, and names without a dot (localhost, a container's name).
 */
export function createDomainOf(own: readonly string[]): (host: string) => string {
  const names = new Set(own.map(nameOf));
  const decide = (host: string): string => {
    const name = nameOf(host);
    return names.has(name) || !name.includes(".") || isIP(name) !== 0 ? "" : name;
  };
  // Nearly all requests come under one name.
  let lastHost = "";
  let lastDomain = "";
  return (host) => {
    if (host !== lastHost) {
      lastDomain = decide(host);
      lastHost = host;
    }
    return lastDomain;
  };
}
