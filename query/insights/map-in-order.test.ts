import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { mapInOrder } from "./map-in-order.ts";

const items = Array.from({ length: 20 }, (_, index) => index);

it("gives results in the list's order, with a bounded number under way and ahead", async () => {
  let underWay = 0;
  let most = 0;
  let begun = 0;
  const results: number[] = [];
  const mapped = mapInOrder(items, { atOnceMax: 3, aheadMax: 5 }, async (item) => {
    begun += 1;
    underWay += 1;
    most = Math.max(most, underWay);
    await sleep(item % 3);
    underWay -= 1;
    return item;
  });
  for await (const result of mapped) {
    results.push(result);
    await sleep(2);
    expect(begun).toBeLessThanOrEqual(results.length + 5);
  }
  expect(results).toEqual(items);
  expect(most).toBe(3);
});

it("begins nothing more once nobody takes the results", async () => {
  let begun = 0;
  const mapped = mapInOrder(items, { atOnceMax: 2, aheadMax: 10 }, async (item) => {
    begun += 1;
    await sleep(1);
    return item;
  });
  for await (const result of mapped) if (result === 1) break;
  const before = begun;
  await sleep(20);
  expect(begun).toBe(before);
  expect(begun).toBeLessThan(items.length);
});
