import { expect, test } from "vitest";
import { shareOf } from "./newest-rows.ts";

test.each([
  { counts: [10, 10], rowsMax: 100, share: 10 },
  { counts: [1000, 1000], rowsMax: 100, share: 50 },
  // The rare one is read whole; the others share what it leaves.
  { counts: [1000, 1000, 4], rowsMax: 100, share: 48 },
  { counts: [1000, 30, 4], rowsMax: 100, share: 66 },
  { counts: [1000], rowsMax: 100, share: 100 },
  { counts: [], rowsMax: 100, share: 0 },
])("a share of $rowsMax rows among $counts is $share", ({ counts, rowsMax, share }) => {
  expect(shareOf(counts, rowsMax)).toBe(share);
  expect(counts.reduce((sum, count) => sum + Math.min(count, share), 0)).toBeLessThanOrEqual(rowsMax);
});
