import { describe, expect, it } from "vitest";
import { evaluateFormula, parseFormula } from "./formula.ts";

const labels = ["orders", undefined, "B"];

function evaluate(text: string, values: (number | null)[]): number | null {
  const parsed = parseFormula(text, labels);
  if (typeof parsed === "string") throw new Error(parsed);
  return evaluateFormula(parsed, values);
}

describe("formulas", () => {
  const cases: [text: string, values: (number | null)[], expected: number | null][] = [
    ["A + A * 2", [3, 0, 0], 9],
    ["(A + A) * 2", [3, 0, 0], 12],
    ["orders / 4", [3, 0, 0], 0.75],
    ["10 - 3 - 2", [0, 0, 0], 5],
    ["8 / 4 / 2", [0, 0, 0], 1],
    ["-A - -2", [3, 0, 0], -1],
    // A label wins over a position: B is the label of the third.
    ["B", [1, 2, 3], 3],
    ["c * 1.5", [1, 2, 3], 4.5],
    ["A / C", [1, 0, 0], null],
    ["A + C", [1, 0, null], null],
  ];
  for (const [text, values, expected] of cases) {
    it(`${text} of ${JSON.stringify(values)} is ${expected}`, () =>
      expect(evaluate(text, values)).toBe(expected));
  }

  const wrong: [text: string, message: string][] = [
    ["A +", "ends too early"],
    ["(A", "ends too early"],
    ["(A + B C", "lacks a closing parenthesis"],
    ["A B", "has an unexpected B"],
    ["A ^ 2", "has something unexpected at character 2"],
    ["D", "names D, which is no series"],
    ["process.exit()", "has something unexpected at character 8"],
    ["(".repeat(200), "is nested deeper than 50 levels"],
    ["-".repeat(200) + "A", "is nested deeper than 50 levels"],
  ];
  for (const [text, message] of wrong) {
    it(`refuses ${text.slice(0, 20)}`, () => expect(parseFormula(text, labels)).toBe(message));
  }
});
