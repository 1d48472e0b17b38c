// Bounded memory for answers: what goes, and when.
import { expect, it } from "vitest";
import { KeptAnswers } from "./kept-answers.ts";

it("forgets the least recently used when the bytes are used up, and what is too old", () => {
  let nowMs = 0;
  const kept = new KeptAnswers({ bytesMax: 40_000, now: () => nowMs });
  const text = "x".repeat(1_000);
  for (let index = 0; index < 40; index += 1) {
    kept.set(`q${index}`, text, 100);
    // Asked again and again.
    expect(kept.get("q0")).toBe(text);
    expect(kept.bytes).toBeLessThanOrEqual(40_000);
  }
  expect(kept.size).toBe(16);
  expect([kept.get("q1"), kept.get("q24"), kept.get("q39")]).toEqual([undefined, undefined, text]);
  kept.set("large", "x".repeat(10_000), 100);
  expect(kept.get("large")).toBeUndefined();
  nowMs = 100;
  expect(kept.get("q39")).toBeUndefined();
});

it("counts its bytes exactly", () => {
  const kept = new KeptAnswers({ bytesMax: 1_000_000 });
  for (let round = 0; round < 3; round += 1) {
    for (let index = 0; index < 50; index += 1) kept.set(`q${index}`, "x".repeat(index * round), 1_000);
  }
  for (let index = 0; index < 50; index += 1) kept.delete(`q${index}`);
  expect([kept.bytes, kept.size]).toEqual([0, 0]);
});

it("keeps nothing without room", () => {
  const kept = new KeptAnswers({ bytesMax: 0 });
  kept.set("q", "x", 1_000);
  expect([kept.get("q"), kept.bytes]).toEqual([undefined, 0]);
});
