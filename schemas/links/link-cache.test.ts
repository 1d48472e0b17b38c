import { expect, test } from "vitest";
import { decodeCachedLink, encodeCachedLink, linkAddress } from "./link-cache.ts";

test("what stands at an address goes through Redis unchanged", () => {
  for (const cached of [
    { version: 0, link: null },
    { version: 12, link: null },
  ]) {
    expect(decodeCachedLink(encodeCachedLink(cached))).toEqual(cached);
  }
});

test.each(["", "x", "1", "1 ", "1 {", "-1 null", "1.5 null", " null", '1 {"url":1}', "1 2"])(
  "%j is nothing that was put there",
  (text) => {
    expect(decodeCachedLink(text)).toBeUndefined();
  },
);

test("addresses of different domains differ", () => {
  expect(new Set([linkAddress("", "a"), linkAddress("b", "a"), linkAddress("", "b")]).size).toBe(3);
});
