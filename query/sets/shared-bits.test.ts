import { expect, it } from "vitest";
import { bitsRunBytes, createBitRuns } from "./shared-bits.ts";

const bitsOf = (byte: number): number => byte.toString(2).replaceAll("0", "").length;

it("counts the bits that two runs share", () => {
  const length = 8192;
  const runs = createBitRuns(2 * length);
  let state = 7;
  for (let at = 0; at < 2 * length; at += 1) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    runs.bytes[at] = state >>> 16;
  }
  let expected = 0;
  for (let at = 0; at < length; at += 1) {
    expected += bitsOf((runs.bytes[at] as number) & (runs.bytes[length + at] as number));
  }
  expect(runs.sharedBits(0, length, length)).toBe(expected);
  expect(expected).toBeGreaterThan(10_000);
});

it("counts runs of ones, the longest and the shortest", () => {
  const runs = createBitRuns(16_384);
  runs.bytes.fill(255);
  expect(runs.sharedBits(0, 8192, 8192)).toBe(65_536);
  expect(runs.sharedBits(128, 256, bitsRunBytes)).toBe(8 * bitsRunBytes);
  runs.bytes.fill(0, 8192);
  expect(runs.sharedBits(0, 8192, 8192)).toBe(0);
});
