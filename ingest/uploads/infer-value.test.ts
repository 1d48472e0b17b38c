import { expect, it } from "vitest";
import { convertValue, inferValue } from "./infer-value.ts";

it.each([
  ["1", 1],
  ["-1.50", -1.5],
  ["0", 0],
  ["0.001", 0.001],
  ["-80995", -80_995],
  ["007", "007"],
  ["00", "00"],
  ["+49", "+49"],
  ["1e5", "1e5"],
  ["12E4", "12E4"],
  [".5", ".5"],
  ["1.", "1."],
  ["-", "-"],
  ["1,5", "1,5"],
  [" 1", " 1"],
  ["123456789012345", 123_456_789_012_345],
  ["1234567890123456", "1234567890123456"],
  ["true", true],
  ["FALSE", false],
  ["yes", "yes"],
  ["NaN", "NaN"],
  ["constructor", "constructor"],
])("%s is inferred as it is meant", (text, expected) => {
  expect(inferValue(text)).toBe(expected);
});

it.each([
  ["007", "string", "007"],
  ["007", "number", 7],
  [" 1e3 ", "number", 1000],
  ["-.5", "number", -0.5],
  ["1e999", "number", undefined],
  ["", "number", undefined],
  ["0x10", "number", undefined],
  ["1,5", "number", undefined],
  ["Yes", "boolean", true],
  ["0", "boolean", false],
  ["maybe", "boolean", undefined],
  ["constructor", "boolean", undefined],
] as const)("%s declared as %s", (text, type, expected) => {
  expect(convertValue(text, type)).toBe(expected);
});
