import { expect, test } from "vitest";
import type { MillraceError } from "#schemas/errors.ts";
import { MalformedLine, parseBody, type BodyFormat } from "./parse-body.ts";

const shapes: { name: string; body: string; format: BodyFormat; events: unknown[] }[] = [
  { name: "one object", body: '{"event":"a"}', format: "json", events: [{ event: "a" }] },
  { name: "an array", body: '[{"event":"a"},1]', format: "json", events: [{ event: "a" }, 1] },
  { name: "a batch", body: '{"batch":[{"event":"a"}]}', format: "json", events: [{ event: "a" }] },
  { name: "lines", body: '{"a":1}\n\n{"b":2}\r\n', format: "ndjson", events: [{ a: 1 }, { b: 2 }] },
  { name: "a byte order mark", body: '\ufeff{"event":"a"}', format: "json", events: [{ event: "a" }] },
  { name: "a real U+FFFD", body: '{"event":"\ufffd"}', format: "json", events: [{ event: "\ufffd" }] },
];

test.each(shapes)("reads $name", ({ body, format, events }) => {
  expect(parseBody(Buffer.from(body), format, 10).events).toEqual(events);
});

test("reads sent_at of a batch", () => {
  const body = Buffer.from('{"batch":[{}],"sent_at":"2026-11-22T10:00:00Z"}');
  expect(parseBody(body, "json", 10).sentAtMs).toBe(Date.UTC(2026, 10, 22, 10));
});

test("a damaged line is rejected alone", () => {
  const { events } = parseBody(Buffer.from('{"a":1}\n{"b":\n{"c":3}'), "ndjson", 10);
  expect(events[0]).toEqual({ a: 1 });
  expect(events[1]).toBeInstanceOf(MalformedLine);
  expect((events[1] as MalformedLine).message).toBe("Line 2 is not valid JSON, column 6.");
  expect(events[2]).toEqual({ c: 3 });
});

const refused: { name: string; body: string | number[]; format: BodyFormat; code: string }[] = [
  { name: "nothing", body: "", format: "json", code: "EMPTY_BODY" },
  { name: "white space", body: " \n", format: "json", code: "EMPTY_BODY" },
  { name: "empty lines", body: "\n\n", format: "ndjson", code: "EMPTY_BODY" },
  { name: "an empty array", body: "[]", format: "json", code: "EMPTY_BODY" },
  { name: "an empty batch", body: '{"batch":[]}', format: "json", code: "EMPTY_BODY" },
  { name: "a text", body: '"a"', format: "json", code: "INVALID_BODY" },
  { name: "null", body: "null", format: "json", code: "INVALID_BODY" },
  { name: "a batch that is none", body: '{"batch":{}}', format: "json", code: "INVALID_BODY" },
  { name: "a wrong sent_at", body: '{"batch":[{}],"sent_at":"x"}', format: "json", code: "INVALID_BODY" },
  { name: "half a document", body: '{"event":', format: "json", code: "MALFORMED_JSON" },
  { name: "too many", body: `[${"1,".repeat(10)}1]`, format: "json", code: "TOO_MANY_EVENTS" },
  { name: "too many lines", body: "1\n".repeat(11), format: "ndjson", code: "TOO_MANY_EVENTS" },
  { name: "broken UTF-8", body: [0x22, 0xff, 0x22], format: "json", code: "INVALID_ENCODING" },
  {
    name: "an encoded surrogate",
    body: [0x22, 0xed, 0xa0, 0x80, 0x22],
    format: "json",
    code: "INVALID_ENCODING",
  },
  { name: "overlong slash", body: [0x22, 0xc0, 0xaf, 0x22], format: "ndjson", code: "INVALID_ENCODING" },
];

test.each(refused)("refuses $name", ({ body, format, code }) => {
  const bytes = typeof body === "string" ? Buffer.from(body) : Buffer.from(body);
  expect(() => parseBody(bytes, format, 10)).toThrow(expect.objectContaining({ code }) as MillraceError);
});

test("says where JSON ends, without repeating the text", () => {
  try {
    parseBody(Buffer.from('{"secret":1,\n "b":}'), "json", 10);
    expect.unreachable();
  } catch (error) {
    expect(error).toMatchObject({ code: "MALFORMED_JSON", details: [{ position: 18, line: 2, column: 6 }] });
    expect((error as Error).message).not.toContain("secret");
  }
});
