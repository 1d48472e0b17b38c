import { expect, test } from "vitest";
import type { RequestHead } from "../server/exchange.ts";
import { createClientAddress, parseAddress } from "./client-address.ts";

function headOf(...forwarded: string[]): RequestHead {
  return {
    header: (name) => (name === "x-forwarded-for" ? (forwarded[0] ?? "") : ""),
    headerLines: (name) => (name === "x-forwarded-for" ? forwarded : []),
    query: () => "",
    parameter: () => "",
  };
}

const proxies = ["10.0.0.0/8", "192.0.2.7", "fd00::/8"];

test.each([
  {
    name: "nobody trusted",
    trusted: [],
    remote: "10.0.0.1",
    forwarded: ["203.0.113.9"],
    expected: "10.0.0.1",
  },
  {
    name: "a sender that is no proxy",
    trusted: proxies,
    remote: "198.51.100.1",
    forwarded: ["203.0.113.9"],
    expected: "198.51.100.1",
  },
  {
    name: "one proxy",
    trusted: proxies,
    remote: "10.0.0.1",
    forwarded: ["203.0.113.9"],
    expected: "203.0.113.9",
  },
  {
    name: "a single address as proxy",
    trusted: proxies,
    remote: "192.0.2.7",
    forwarded: ["203.0.113.9"],
    expected: "203.0.113.9",
  },
  {
    name: "its neighbour",
    trusted: proxies,
    remote: "192.0.2.8",
    forwarded: ["203.0.113.9"],
    expected: "192.0.2.8",
  },
  {
    name: "a chain of proxies",
    trusted: proxies,
    remote: "10.0.0.1",
    forwarded: ["203.0.113.9, 10.1.1.1, 10.2.2.2"],
    expected: "203.0.113.9",
  },
  {
    name: "what the sender made up",
    trusted: proxies,
    remote: "10.0.0.1",
    forwarded: ["1.1.1.1, 203.0.113.9"],
    expected: "203.0.113.9",
  },
  {
    name: "made up in a line of its own",
    trusted: proxies,
    remote: "10.0.0.1",
    forwarded: ["1.1.1.1", "203.0.113.9"],
    expected: "203.0.113.9",
  },
  {
    name: "a made up proxy",
    trusted: proxies,
    remote: "10.0.0.1",
    forwarded: ["1.1.1.1, 10.9.9.9, 203.0.113.9"],
    expected: "203.0.113.9",
  },
  {
    name: "only proxies",
    trusted: proxies,
    remote: "10.0.0.1",
    forwarded: ["10.1.1.1, 10.2.2.2"],
    expected: "10.1.1.1",
  },
  { name: "no header", trusted: proxies, remote: "10.0.0.1", forwarded: [], expected: "10.0.0.1" },
  {
    name: "no address at the right end",
    trusted: proxies,
    remote: "10.0.0.1",
    forwarded: ["203.0.113.9, unknown"],
    expected: "10.0.0.1",
  },
  {
    name: "with a port",
    trusted: proxies,
    remote: "10.0.0.1",
    forwarded: ["203.0.113.9:4711"],
    expected: "203.0.113.9",
  },
  {
    name: "IPv6 with a port",
    trusted: proxies,
    remote: "fd00::1",
    forwarded: ["[2001:DB8:0::1]:4711"],
    expected: "2001:db8::1",
  },
  {
    name: "an IPv4 proxy seen over IPv6",
    trusted: proxies,
    remote: "0000:0000:0000:0000:0000:ffff:0a00:0001",
    forwarded: ["203.0.113.9"],
    expected: "203.0.113.9",
  },
  { name: "no address at all", trusted: proxies, remote: "", forwarded: ["203.0.113.9"], expected: "" },
])("whose request: $name", ({ trusted, remote, forwarded, expected }) => {
  expect(createClientAddress(trusted)(headOf(...forwarded), remote)).toBe(expected);
});

test("a very long list is read from its right end only", () => {
  const list = ["203.0.113.9", ...Array.from({ length: 1_000 }, () => "10.0.0.2")].join(",");
  expect(createClientAddress(proxies)(headOf(list), "10.0.0.1")).toBe("10.0.0.2");
});

test.each([
  ["127.0.0.1", "127.0.0.1"],
  [" ::1 ", "::1"],
  ["0000:0000:0000:0000:0000:0000:0000:0001", "::1"],
  ["2001:DB8::00ff", "2001:db8::ff"],
  ["::ffff:192.0.2.1", "192.0.2.1"],
  ["fe80::1%eth0", undefined],
  ["999.1.1.1", undefined],
  ["", undefined],
])("%j is %j", (text, expected) => {
  expect(parseAddress(text)).toBe(expected);
});
