// Which addresses may be reached when somebody else says where to: webhooks, pages whose titles are read. Names are
// resolved here and the connection goes to what was looked at, so that a name that answers something else the next
// time leads nowhere (DNS rebinding).
import { lookup, type LookupAddress, type LookupOptions } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";
import { callbackify } from "node:util";

/** Not on the public internet (IANA special-purpose registries). */
const privateV4 = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 3],
] as const;
/** Global unicast but for what translates or tunnels to IPv4, and documentation. */
const publicV6 = [["2000::", 3]] as const;
const notPublicV6 = [
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20],
] as const;

export class AddressRefused extends Error {
  constructor() {
    super("the address is not public");
    this.name = "AddressRefused";
  }
}

/** All addresses of a name; rejects when it has none. */
export type ResolveName = (hostname: string, options: LookupOptions) => Promise<LookupAddress[]>;

const resolveBySystem: ResolveName = (hostname, options) =>
  new Promise((resolve, reject) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) =>
      error === null ? resolve(addresses) : reject(error),
    );
  });

export class AddressGuard {
  readonly #private = listOf(privateV4, "ipv4");
  readonly #public = listOf(publicV6, "ipv6");
  readonly #notPublic = listOf(notPublicV6, "ipv6");
  readonly #allowed = new BlockList();
  readonly #portsRefused: ReadonlySet<number>;
  readonly #resolve: ResolveName;

  /** `allowed`: CIDRs of private networks that may be reached, but not at the ports of our own stores. */
  constructor(
    allowed: readonly string[],
    portsRefused: readonly number[],
    resolve: ResolveName = resolveBySystem,
  ) {
    this.#resolve = resolve;
    for (const cidr of allowed) {
      const [address = "", prefix = ""] = cidr.split("/");
      this.#allowed.addSubnet(address, Number(prefix), isIP(address) === 6 ? "ipv6" : "ipv4");
    }
    this.#portsRefused = new Set(portsRefused);
  }

  allows(address: string, port: number): boolean {
    // An IPv4 address in IPv6 clothes is none of the public ones, and never needed.
    const family = isIP(address) === 6 ? "ipv6" : "ipv4";
    const isPublic =
      family === "ipv4"
        ? isIP(address) === 4 && !this.#private.check(address)
        : this.#public.check(address, family) && !this.#notPublic.check(address, family);
    return isPublic || (this.#allowed.check(address, family) && !this.#portsRefused.has(port));
  }

  /** For a connection to `port`: answers only addresses that may be reached, and none if one of them may not. */
  lookupFor(port: number): LookupFunction {
    const look = callbackify((hostname: string, options: LookupOptions) =>
      this.#look(hostname, options, port),
    );
    return (hostname, options, callback) => {
      look(hostname, options, (error, addresses) => {
        const [first] = addresses ?? [];
        if (error !== null || first === undefined) callback(error ?? new AddressRefused(), "");
        else if (options.all === true) callback(null, addresses);
        else callback(null, first.address, first.family);
      });
    };
  }

  async #look(hostname: string, options: LookupOptions, port: number): Promise<LookupAddress[]> {
    const addresses = await this.#resolve(hostname, options);
    if (addresses.length > 0 && addresses.every(({ address }) => this.allows(address, port)))
      return addresses;
    throw new AddressRefused();
  }
}

function listOf(networks: readonly (readonly [string, number])[], family: "ipv4" | "ipv6"): BlockList {
  const list = new BlockList();
  for (const [address, prefix] of networks) list.addSubnet(address, prefix, family);
  return list;
}
