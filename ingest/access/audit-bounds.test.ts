import { expect, test } from "vitest";
import { AuditBounds } from "./audit-bounds.ts";

test("a flood fills nothing, and what was not listed is told", () => {
  const bounds = new AuditBounds({ atOnce: 5, perMinute: 2 });
  const flood = Array.from({ length: 100_000 }, () => bounds.take(1, 1_000));
  expect(flood.filter((each) => each !== undefined)).toEqual([0, 0, 0, 0, 0]);
  // Nobody else's entries are used up.
  expect(bounds.take(2, 1_000)).toBe(0);
  expect(bounds.take(1, 20_000)).toBeUndefined();
  expect(bounds.take(1, 31_000)).toBe(99_996);
  expect(bounds.take(1, 31_000)).toBeUndefined();
  // A day of it.
  let listed = 0;
  for (let second = 0; second < 86_400; second += 1)
    if (bounds.take(3, second * 1_000) !== undefined) listed += 1;
  expect(listed).toBeLessThanOrEqual(5 + 2 * 1_440);
});

test("projects are remembered up to a bound", () => {
  const bounds = new AuditBounds({ atOnce: 1, perMinute: 1 });
  for (let project = 0; project < 5_000; project += 1) expect(bounds.take(project, 0)).toBe(0);
  expect(bounds.take(4_999, 0)).toBeUndefined();
  expect(bounds.take(0, 0)).toBe(0);
});
