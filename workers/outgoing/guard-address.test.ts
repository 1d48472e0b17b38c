import { describe, expect, it } from "vitest";
import { AddressGuard } from "./guard-address.ts";

describe("AddressGuard", () => {
  const nothing = new AddressGuard([], []);
  it.each([
    ["93.184.215.14", true],
    ["1.1.1.1", true],
    ["2606:4700::1111", true],
    ["127.0.0.1", false],
    ["0.0.0.0", false],
    ["10.0.0.1", false],
    ["100.64.0.1", false],
    ["169.254.169.254", false],
    ["172.16.0.1", false],
    ["172.32.0.1", true],
    ["192.168.1.1", false],
    ["192.0.2.5", false],
    ["198.19.255.255", false],
    ["224.0.0.1", false],
    ["255.255.255.255", false],
    ["::", false],
    ["::1", false],
    ["::ffff:127.0.0.1", false],
    ["::ffff:1.1.1.1", false],
    ["64:ff9b::a00:1", false],
    ["fc00::1", false],
    ["fe80::1", false],
    ["2002:7f00:1::", false],
    ["2001::1", false],
    ["2001:db8::1", false],
    ["ff02::1", false],
    ["not an address", false],
  ])("%s: %s", (address, allowed) => expect(nothing.allows(address, 443)).toBe(allowed));

  it("reaches the private networks that were named, but no store", () => {
    const guard = new AddressGuard(["10.1.0.0/16", "::1/128"], [5432]);
    expect(guard.allows("10.1.2.3", 80)).toBe(true);
    expect(guard.allows("10.2.2.3", 80)).toBe(false);
    expect(guard.allows("::1", 8080)).toBe(true);
    expect(guard.allows("::1", 5432)).toBe(false);
    expect(guard.allows("1.1.1.1", 5432)).toBe(true);
  });

  it("refuses a name that has one address that may not be reached", async () => {
    const look = (guard: AddressGuard, all: boolean): Promise<unknown> =>
      new Promise((resolve, reject) =>
        guard.lookupFor(80)("localhost", { all }, (error, address) =>
          error === null ? resolve(address) : reject(error),
        ),
      );
    await expect(look(nothing, true)).rejects.toThrow("not public");
    const loopback = new AddressGuard(["127.0.0.0/8", "::1/128"], []);
    expect(await look(loopback, true)).toContainEqual({ address: "127.0.0.1", family: 4 });
    expect(["127.0.0.1", "::1"]).toContain(await look(loopback, false));
  });
});
