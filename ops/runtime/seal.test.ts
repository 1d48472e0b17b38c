import { expect, test } from "vitest";
import { createSeal } from "./seal.ts";

const seal = createSeal("a key");

test("what is closed tells nothing, and opens for its owner with its key only", () => {
  const closed = seal.close("a long random text ✓", "dst_1");
  expect(closed).not.toContain("random");
  expect(seal.close("a long random text ✓", "dst_1")).not.toBe(closed);
  expect(seal.open(closed, "dst_1")).toBe("a long random text ✓");
  expect(seal.open(closed, "dst_2")).toBeUndefined();
  expect(createSeal("another key").open(closed, "dst_1")).toBeUndefined();
  expect(createSeal(undefined).open(closed, "dst_1")).toBeUndefined();
});

test("what was stored before there was a key is read as it is", () => {
  expect(createSeal(undefined).close("plain", "dst_1")).toBe("plain");
  expect(seal.open("plain", "dst_1")).toBe("plain");
});

test("a seal that was damaged does not open", () => {
  const closed = seal.close("text", "dst_1");
  for (let at = "sealed:1:".length; at < closed.length - 1; at += 1) {
    const other = closed[at] === "A" ? "B" : "A";
    expect(seal.open(closed.slice(0, at) + other + closed.slice(at + 1), "dst_1")).toBeUndefined();
  }
  expect(seal.open("sealed:1:", "dst_1")).toBeUndefined();
});
