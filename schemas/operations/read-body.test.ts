import { Type } from "@sinclair/typebox";
import { expect, test } from "vitest";
import { compileBody, parseJson, readMember } from "./read-body.ts";

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

function codeOf(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return (error as { code: unknown }).code;
  }
}

test.each([
  ["half a document", encode("{"), "MALFORMED_JSON"],
  ["bytes that are no text", Uint8Array.of(0x22, 0xc3, 0x28, 0x22), "INVALID_ENCODING"],
  ["NUL in a text", encode('{"name":"a\\u0000b"}'), "INVALID_BODY"],
  ["NUL in a name", encode('{"a\\u0000b":1}'), "INVALID_BODY"],
  ["half a surrogate pair", encode('["\\uD83D"]'), "INVALID_BODY"],
  [
    "the same, deeper than any stack",
    encode(`${"[".repeat(100_000)}"\\u0000"${"]".repeat(100_000)}`),
    "INVALID_BODY",
  ],
] as const)("%s is refused", (_name, payload, code) => {
  expect(codeOf(() => parseJson(payload))).toBe(code);
});

test("a whole surrogate pair and an escaped backslash are texts like others", () => {
  expect(parseJson(encode('["\\ud83d\\ude00", "\\\\u0000"]'))).toEqual(["\u{1f600}", "\\u0000"]);
});

test("a body that breaks its contract names the field", () => {
  const read = compileBody(Type.Object({ name: Type.String({ minLength: 1 }) }));
  expect(read(encode('{"name":"x"}'))).toEqual({ name: "x" });
  expect(() => read(encode('{"name":""}'))).toThrow(/`name`/);
  expect(codeOf(() => read(encode("[]")))).toBe("INVALID_BODY");
});

test("a member of what the edge built", () => {
  expect(readMember(encode('{"id":"x"}'), "id")).toBe("x");
  expect(readMember(encode("{}"), "id")).toBe("");
  expect(readMember(encode("null"), "id")).toBe("");
});
