import { expect, it } from "vitest";
import { buildProgress } from "./progress.ts";

it.each([
  { done: 0, total: 10, bar: "░".repeat(30), percent: "  0 %" },
  { done: 5, total: 10, bar: "█".repeat(15) + "░".repeat(15), percent: " 50 %" },
  { done: 11, total: 10, bar: "█".repeat(30), percent: "100 %" },
  { done: 0, total: 0, bar: "█".repeat(30), percent: "100 %" },
])("$done of $total", ({ done, total, bar, percent }) => {
  expect(buildProgress("sending", done, total)).toBe(`sending    ${bar} ${percent}`);
});
