import { expect, it } from "vitest";
import { hashContent, RowOccurrences } from "./row-occurrences.ts";

it("counts equal rows as a map would, also when it grows and moves to another thread", () => {
  let occurrences = new RowOccurrences();
  const truth = new Map<number, number>();
  for (let row = 0; row < 30_000; row += 1) {
    const content = (row * 7919) % 12_000;
    const times = (truth.get(content) ?? 0) + 1;
    truth.set(content, times);
    expect(occurrences.count(hashContent([String(content)]))).toBe(times);
    if (row % 1_000 === 0) occurrences = new RowOccurrences(occurrences.handle);
  }
  expect(occurrences.size).toBe(truth.size);
});

it("no part can be taken for another one's end", () => {
  const hashes = [["ab", "c"], ["a", "bc"], ["abc", ""], ["abc"], ["1:a", ""]].map((parts) =>
    hashContent(parts).toString("hex"),
  );
  expect(new Set(hashes).size).toBe(hashes.length);
});
