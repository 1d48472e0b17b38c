import { expect, test } from "vitest";
import { parseKey } from "./credentials.ts";

const basic = (text: string): string => `Basic ${Buffer.from(text).toString("base64")}`;

const cases: { name: string; header: string; basic: boolean; expected: string }[] = [
  { name: "bearer", header: "Bearer k", basic: false, expected: "k" },
  { name: "bearer in small letters", header: "bearer  k ", basic: false, expected: "k" },
  { name: "basic with the key as user", header: basic("k:"), basic: true, expected: "k" },
  { name: "basic without a colon", header: basic("k"), basic: true, expected: "k" },
  { name: "basic where it is not allowed", header: basic("k:"), basic: false, expected: "" },
  { name: "nothing", header: "", basic: true, expected: "" },
  { name: "a key alone", header: "k", basic: true, expected: "" },
  { name: "another scheme", header: "Digest k", basic: true, expected: "" },
  { name: "a header without end", header: `Bearer ${"k".repeat(1000)}`, basic: true, expected: "" },
];

test.each(cases)("$name", (each) => {
  expect(parseKey(each.header, each.basic)).toBe(each.expected);
});
