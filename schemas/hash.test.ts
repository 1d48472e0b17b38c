import { describe, expect, it } from "vitest";
import { hash128, partitionOf } from "./hash.ts";

function words(seed: number, text: string): number[] {
  const out = new Uint32Array(4);
  hash128(seed, text, out);
  return [...out];
}

describe("hash128", () => {
  it("never changes: partitions and remembered ids depend on it", () => {
    expect(words(1, "")).toMatchInlineSnapshot(`
      [
        2294590956,
        1423049145,
        1423049145,
        1423049145,
      ]
    `);
    expect(words(1, "u:alice")).toMatchInlineSnapshot(`
      [
        1681022608,
        2541414122,
        3326944433,
        3493385234,
      ]
    `);
    expect(words(7, "018f2e6c-7b1a-7c3d-9e4f-0123456789ab")).toMatchInlineSnapshot(`
      [
        2289333929,
        3725550305,
        3347704332,
        1366332391,
      ]
    `);
  });

  it("tells apart what zero padding would join", () => {
    expect(words(1, "a")).not.toEqual(words(1, "a\0"));
    expect(words(1, "abcdefgh")).not.toEqual(words(1, "abcdefgh\0"));
    expect(words(1, "a")).not.toEqual(words(2, "a"));
  });

  it("has no collision among 200,000 sequential ids, in any word pair", () => {
    const seen = new Set<string>();
    for (let id = 0; id < 200_000; id += 1) seen.add(words(1, `event-${id}`).slice(1, 3).join());
    expect(seen.size).toBe(200_000);
  });

  it("spreads users evenly over the partitions", () => {
    const counts = new Array<number>(8).fill(0);
    for (let user = 0; user < 80_000; user += 1) {
      const partition = partitionOf(1, `u:user-${user}`, 8);
      counts[partition] = (counts[partition] as number) + 1;
    }
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500);
  });
});
