import { expect, test } from "vitest";
import { networkOf } from "./network-of.ts";

test.each([
  ["192.0.2.1", "192.0.2.1"],
  ["", ""],
  ["unknown", "unknown"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:db8:1:2::", "2001:db8:1:2::/64"],
  ["2001:db8:1:2::9", "2001:db8:1:2::/64"],
  ["2001:db8:1:2:0:9::", "2001:db8:1:2::/64"],
  ["2001:db8:1::2:3", "2001:db8:1:0::/64"],
  ["2001:db8::1", "2001:db8:0:0::/64"],
  ["2001::3:4:5:6:7", "2001:0:0:3::/64"],
  ["1::3:4:5:6:7:8", "1:0:3:4::/64"],
  ["::1", "0:0:0:0::/64"],
  ["::", "0:0:0:0::/64"],
  ["64:ff9b::192.0.2.1", "64:ff9b:0:0::/64"],
  ["fe80::1:2:3:4", "fe80:0:0:0::/64"],
])("%s is counted as %s", (address, network) => expect(networkOf(address)).toBe(network));

test("a neighbour of the same network is the same, one beyond it is another", () => {
  expect(networkOf("2001:db8:0:1:ffff:ffff:ffff:ffff")).toBe(networkOf("2001:db8:0:1::"));
  expect(networkOf("2001:db8:0:1::1")).not.toBe(networkOf("2001:db8:0:2::1"));
});
