// Formulas over series: + - * / , numbers, parentheses, names. A recursive descent parser of its own, so that
// nothing a caller writes is ever evaluated as code.

export type Formula =
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "series"; readonly index: number }
  | { readonly kind: "negate"; readonly of: Formula }
  | {
      readonly kind: "binary";
      readonly operator: "+" | "-" | "*" | "/";
      readonly left: Formula;
      readonly right: Formula;
    };

/** Parentheses and signs inside one another; also bounds the call stack. */
const depthMax = 50;
const token = /\s*(?:(\d+(?:\.\d+)?)|([A-Za-z_][A-Za-z0-9_]*)|([-+*/()]))/y;

class Problem extends Error {}

/**
 * Parses `text`. A name is a series' label, or the letter of its position (A is the first).
 * Answers what is wrong as a string.
 */
export function parseFormula(text: string, labels: readonly (string | undefined)[]): Formula | string {
  const tokens: string[] = [];
  token.lastIndex = 0;
  while (text.slice(token.lastIndex).trim() !== "") {
    const at = token.lastIndex;
    const match = token.exec(text);
    if (match === null) return `has something unexpected at character ${at + 1}`;
    tokens.push(match[0].trim());
  }
  let position = 0;
  const peek = (): string | undefined => tokens[position];
  const take = (): string => {
    const next = tokens[position];
    if (next === undefined) throw new Problem("ends too early");
    position += 1;
    return next;
  };
  const sum = (depth: number): Formula => {
    let left = product(depth);
    for (let next = peek(); next === "+" || next === "-"; next = peek()) {
      position += 1;
      left = { kind: "binary", operator: next, left, right: product(depth) };
    }
    return left;
  };
  const product = (depth: number): Formula => {
    let left = atom(depth);
    for (let next = peek(); next === "*" || next === "/"; next = peek()) {
      position += 1;
      left = { kind: "binary", operator: next, left, right: atom(depth) };
    }
    return left;
  };
  const atom = (depth: number): Formula => {
    if (depth > depthMax) throw new Problem(`is nested deeper than ${depthMax} levels`);
    const next = take();
    if (next === "(") {
      const inner = sum(depth + 1);
      if (take() !== ")") throw new Problem("lacks a closing parenthesis");
      return inner;
    }
    if (next === "-") return { kind: "negate", of: atom(depth + 1) };
    if (/^\d/.test(next)) return { kind: "number", value: Number(next) };
    if (/^[A-Za-z_]/.test(next)) return { kind: "series", index: seriesIndex(next) };
    throw new Problem(`has an unexpected ${next}`);
  };
  const seriesIndex = (name: string): number => {
    const labelled = labels.indexOf(name);
    if (labelled >= 0) return labelled;
    const letter = /^[A-Za-z]$/.test(name) ? name.toUpperCase().charCodeAt(0) - 65 : -1;
    if (letter < 0 || letter >= labels.length) throw new Problem(`names ${name}, which is no series`);
    return letter;
  };
  try {
    const parsed = sum(0);
    const rest = peek();
    return rest === undefined ? parsed : `has an unexpected ${rest}`;
  } catch (error) {
    if (error instanceof Problem) return error.message;
    throw error;
  }
}

/** The value for one bucket; null when it divides by zero or uses a null. */
export function evaluateFormula(formula: Formula, values: readonly (number | null)[]): number | null {
  switch (formula.kind) {
    case "number":
      return formula.value;
    case "series":
      return values[formula.index] ?? null;
    case "negate": {
      const value = evaluateFormula(formula.of, values);
      return value === null ? null : -value;
    }
    case "binary": {
      const left = evaluateFormula(formula.left, values);
      const right = evaluateFormula(formula.right, values);
      if (left === null || right === null) return null;
      const result = calculate(formula.operator, left, right);
      return Number.isFinite(result) ? result : null;
    }
  }
}

function calculate(operator: "+" | "-" | "*" | "/", left: number, right: number): number {
  switch (operator) {
    case "+":
      return left + right;
    case "-":
      return left - right;
    case "*":
      return left * right;
    case "/":
      return left / right;
  }
}
