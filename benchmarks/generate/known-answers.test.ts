import { expect, test } from "vitest";
import { compareAnswer } from "./known-answers.ts";

test.each([
  { expected: { a: 1 }, found: { a: 1, b: 2 }, differences: [] },
  { expected: { a: 0.1 + 0.2 }, found: { a: 0.3 }, differences: [] },
  { expected: { a: 1 }, found: { a: 2 }, differences: ["a: expected 1, found 2"] },
  { expected: { a: [1, 2] }, found: { a: [1] }, differences: ["a: expected 2 entries, found 1"] },
  {
    expected: { a: [{ b: null }] },
    found: { a: [{}] },
    differences: ["a[0].b: expected null, found undefined"],
  },
  { expected: [1], found: undefined, differences: [": expected a list, found undefined"] },
])("$expected against $found", ({ expected, found, differences }) => {
  expect(compareAnswer(expected, found)).toEqual(differences);
});
