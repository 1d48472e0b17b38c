import { expect, test } from "vitest";
import { createEventId } from "./create-event-id.ts";

test("is a UUID of version 7 with the time in front", () => {
  const nowMs = Date.UTC(2026, 10, 22, 10);
  const id = createEventId(nowMs);
  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16)).toBe(nowMs);
});

test("is never made twice", () => {
  const ids = new Set<string>();
  for (let index = 0; index < 100_000; index += 1) ids.add(createEventId(1));
  expect(ids.size).toBe(100_000);
});

test("keeps the order of one millisecond", () => {
  const ids = Array.from({ length: 4_096 }, () => createEventId(2));
  expect(ids.toSorted()).toEqual(ids);
});
