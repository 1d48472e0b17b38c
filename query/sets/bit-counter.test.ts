import { expect, it } from "vitest";
import { createBitCounter, setsAtOnceMax } from "./bit-counter.ts";
import { containerBytes, containerNumbers } from "./stored-sets.ts";

function randomSets(count: number): Uint8Array[] {
  let state = 11 + count;
  return Array.from({ length: count }, (_, index) => {
    const bytes = new Uint8Array(containerBytes);
    // Everybody, nobody, and everything between.
    if (index % 5 === 0) return bytes.fill(255);
    if (index % 5 === 1) return bytes;
    for (let at = 0; at < containerBytes; at += 1) {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      bytes[at] = state >>> 16;
    }
    return bytes;
  });
}

it.each([1, 2, 3, 12, 90, 127, 128, setsAtOnceMax])("counts over %i sets", (count) => {
  const counter = createBitCounter(count);
  const sets = randomSets(count);
  sets.forEach((set, index) => counter.bytes.set(set, counter.setsAt + index * containerBytes));
  const times = new Uint32Array(containerNumbers).fill(1000);
  counter.addTimes(count, times);
  const expected = new Uint32Array(containerNumbers).fill(1000);
  for (const set of sets) {
    for (let number = 0; number < containerNumbers; number += 1) {
      expected[number] =
        (expected[number] as number) + (((set[number >>> 3] as number) >>> (number & 7)) & 1);
    }
  }
  expect(Buffer.from(times.buffer).equals(Buffer.from(expected.buffer))).toBe(true);
});

it("counts fewer sets than it has room for, and none", () => {
  const counter = createBitCounter(9);
  counter.bytes.fill(255);
  const times = new Uint32Array(containerNumbers);
  counter.addTimes(0, times);
  expect(times.every((count) => count === 0)).toBe(true);
  counter.addTimes(4, times);
  expect(times.every((count) => count === 4)).toBe(true);
});

it("refuses more sets than a byte counts", () => {
  expect(() => createBitCounter(setsAtOnceMax + 1)).toThrow(RangeError);
});
