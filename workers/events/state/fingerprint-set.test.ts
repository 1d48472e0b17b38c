import { describe, expect, it } from "vitest";
import { FingerprintSet } from "./fingerprint-set.ts";

describe("FingerprintSet", () => {
  it("agrees with a plain Set through growth, shared handles included", () => {
    const seed = Date.now() >>> 0;
    let state = seed;
    const next = (): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state;
    };
    const plain = new Set<string>();
    let set = FingerprintSet.create();
    for (let round = 0; round < 20_000; round += 1) {
      const words: [number, number, number] = [next() % 50, next() % 50, next() % 40];
      const isNew = !plain.has(words.join());
      expect(set.has(...words), `seed ${seed} round ${round}`).toBe(!isNew);
      expect(set.add(...words)).toBe(isNew);
      plain.add(words.join());
      if (round % 1000 === 0) set = new FingerprintSet(set.handle);
    }
    expect(set.size).toBe(plain.size);
  });

  it("holds the all-zero fingerprint", () => {
    const set = FingerprintSet.create();
    expect(set.has(0, 0, 0)).toBe(false);
    expect(set.add(0, 0, 0)).toBe(true);
    expect(set.add(0, 0, 0)).toBe(false);
  });

  it("keeps what it held when it grows", () => {
    const set = FingerprintSet.create();
    for (let id = 0; id < 10_000; id += 1) set.add(id, id * 7, id * 13);
    for (let id = 0; id < 10_000; id += 1) expect(set.has(id, id * 7, id * 13)).toBe(true);
    expect(set.has(10_000, 70_000, 130_000)).toBe(false);
  });
});
