import { expect, test } from "vitest";
import { findJsonError, locate } from "./find-json-error.ts";

const cases: { name: string; input: string; expected: number }[] = [
  { name: "a missing value", input: '{"a":}', expected: 5 },
  { name: "a comma too many in an object", input: '{"a":1,}', expected: 7 },
  { name: "a comma too many in an array", input: "[1,]", expected: 3 },
  { name: "a name without quotes", input: "{a:1}", expected: 1 },
  { name: "single quotes", input: "{'a':1}", expected: 1 },
  { name: "no colon", input: '{"a" 1}', expected: 5 },
  { name: "the wrong closer", input: '{"a":[1}', expected: 7 },
  { name: "a second value", input: "{} {}", expected: 3 },
  { name: "an unclosed object", input: '{"a":1', expected: 6 },
  { name: "an unclosed string", input: '{"a":"b', expected: 7 },
  { name: "a line break in a string", input: '["a\nb"]', expected: 3 },
  { name: "a bad escape", input: '["a\\x"]', expected: 4 },
  { name: "a short unicode escape", input: '["\\u12"]', expected: 3 },
  { name: "a leading zero", input: "[01]", expected: 2 },
  { name: "a word", input: "[nope]", expected: 1 },
  { name: "NaN", input: "[NaN]", expected: 1 },
  { name: "nothing", input: "  ", expected: 2 },
];

test.each(cases)("finds $name", ({ input, expected }) => {
  expect(() => JSON.parse(input) as unknown).toThrow(SyntaxError);
  expect(findJsonError(input)).toBe(expected);
});

test("nesting and length are no danger", () => {
  expect(findJsonError("[".repeat(1_000_000))).toBe(1_000_000);
  expect(findJsonError(`["${"a".repeat(5_000_000)}`)).toBe(5_000_002);
  expect(findJsonError(`[${"1".repeat(1_000_000)}x`)).toBe(1_000_001);
});

test("agrees with JSON.parse on damaged documents", () => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  console.log(`seed ${seed}`);
  let state = seed;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return state % below;
  };
  const whole = JSON.stringify({ a: [1, -2.5e3, 'x\\"\u00e9', null, { b: true }], c: { d: [], e: {} } });
  const alphabet = '{}[]",:\\0123eE+-.tfnu ';
  for (let round = 0; round < 20_000; round += 1) {
    const at = random(whole.length);
    const text =
      whole.slice(0, at) + (alphabet[random(alphabet.length)] as string) + whole.slice(at + random(3));
    let valid = true;
    try {
      JSON.parse(text);
    } catch {
      valid = false;
    }
    // A whole document has no error before its end.
    if (valid) expect(findJsonError(text), text).toBe(text.length);
    else expect(findJsonError(text), text).toBeLessThanOrEqual(text.length);
  }
});

test("counts lines and columns from one", () => {
  expect(locate('{\n "a": x}', 8)).toEqual({ line: 2, column: 7 });
  expect(locate("x", 0)).toEqual({ line: 1, column: 1 });
});
