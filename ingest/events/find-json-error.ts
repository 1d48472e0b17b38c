// Where a text stops being JSON. JSON.parse says so only in some of its messages, and its messages repeat the
// text; this runs after JSON.parse has failed, without recursion, so that deep nesting is no danger.

const numberPattern = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const whitespacePattern = /[ \t\n\r]*/y;
const escapePattern = /["\\/bfnrt]|u[0-9a-fA-F]{4}/y;
const quote = 34;
const backslash = 92;
const space = 32;
const literalPattern = /true|false|null/y;

/** End of the match of `pattern` at `at`, or `at` itself when there is none. */
function skip(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at;
}

interface Scan {
  end: number;
  ok: boolean;
}

/** By character: a pattern would need backtracking memory in proportion to the string. */
function scanString(text: string, at: number): Scan {
  if (text[at] !== '"') return { end: at, ok: false };
  for (let index = at + 1; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code === quote) return { end: index + 1, ok: true };
    if (code < space) return { end: index, ok: false };
    if (code === backslash) {
      const end = skip(escapePattern, text, index + 1);
      if (end === index + 1) return { end, ok: false };
      index = end - 1;
    }
  }
  return { end: text.length, ok: false };
}

function scanScalar(text: string, at: number): Scan {
  if (text[at] === '"') return scanString(text, at);
  const literal = skip(literalPattern, text, at);
  const end = literal > at ? literal : skip(numberPattern, text, at);
  return { end, ok: end > at };
}

/** Index of the first character that cannot belong to one JSON value; the text's length when it ends too early. */
export function findJsonError(text: string): number {
  const closers: string[] = [];
  /** value: a value must follow; first: a value or the closer; key: a name; firstKey: a name or the closer; after: "," or the closer. */
  let expect: "value" | "first" | "key" | "firstKey" | "after" = "value";
  let at = 0;
  for (;;) {
    at = skip(whitespacePattern, text, at);
    if (at >= text.length) return text.length;
    const char = text[at] as string;
    const closer = closers.at(-1);
    if (expect === "after") {
      if (closer === undefined) return at;
      if (char === ",") expect = closer === "}" ? "key" : "value";
      else if (char === closer) closers.pop();
      else return at;
      at += 1;
    } else if ((expect === "first" || expect === "firstKey") && char === closer) {
      closers.pop();
      expect = "after";
      at += 1;
    } else if (expect === "key" || expect === "firstKey") {
      const name = scanString(text, at);
      if (!name.ok) return name.end;
      at = skip(whitespacePattern, text, name.end);
      if (text[at] !== ":") return at;
      at += 1;
      expect = "value";
    } else if (char === "{" || char === "[") {
      closers.push(char === "{" ? "}" : "]");
      expect = char === "{" ? "firstKey" : "first";
      at += 1;
    } else {
      const scalar = scanScalar(text, at);
      if (!scalar.ok) return scalar.end;
      at = scalar.end;
      expect = "after";
    }
  }
}

/** Line and column, both from 1, of `position`. */
export function locate(text: string, position: number): { line: number; column: number } {
  let line = 1;
  let lineStart = 0;
  for (let next = text.indexOf("\n"); next >= 0 && next < position; next = text.indexOf("\n", next + 1)) {
    line += 1;
    lineStart = next + 1;
  }
  return { line, column: position - lineStart + 1 };
}
