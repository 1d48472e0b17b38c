import { describe, expect, it } from "vitest";
import { readCsv } from "./csv-records.ts";
import { detectDelimiter } from "./detect-delimiter.ts";
import type { FileWindow } from "./file-window.ts";
import { readJsonArray } from "./json-records.ts";
import { Refusal } from "./map-row.ts";
import { readNdjson } from "./ndjson-records.ts";
import type { ReadResult, TakeRecord } from "./read-records.ts";

function windowOf(file: Buffer, position: number, length: number): FileWindow {
  const bytes = file.subarray(position, position + length);
  return {
    bytes,
    isLast: bytes.length < length,
    nextLine(offset) {
      const found = file.indexOf(10, position + offset);
      return (found < 0 ? file.length : found + 1) - position;
    },
  };
}

type Read = (window: FileWindow, isFirst: boolean, take: TakeRecord) => ReadResult;

/** All records of the file, read through windows of `length` and at most `rowsMax` rows at once. */
function readAll(read: Read, text: string, length: number, rowsMax = 1_000): unknown[] {
  const file = Buffer.from(text);
  const records: unknown[] = [];
  for (let position = 0, turns = 0; ; turns += 1) {
    if (turns > 10_000) throw new Error("no progress");
    let rows = 0;
    const result = read(windowOf(file, position, length), records.length === 0, (start, end, content) => {
      if (rows === rowsMax) return false;
      rows += 1;
      expect(end).toBeGreaterThan(start);
      records.push(
        content instanceof Refusal
          ? content.code
          : "fields" in content
            ? content.fields.join("|")
            : content.value,
      );
      return true;
    });
    if (result.failure !== undefined) return [...records, `failed ${result.failure.code}`];
    position += result.end;
    if (result.isDone) return records;
  }
}

const csv: Read = (window, _isFirst, take) => readCsv(window, ",", take);
const ndjson: Read = (window, _isFirst, take) => readNdjson(window, take);

describe("the same records, wherever windows end", () => {
  it.each([
    {
      name: "CSV",
      read: csv,
      text: 'a,b\r\n"1\r\n2",3\r\n\r\n"x ""y""",é\r\n4,5',
      expected: ["a|b", "1\r\n2|3", 'x "y"|é', "4|5"],
    },
    { name: "CSV with old ends of lines", read: csv, text: "a,b\rc,d\re,f", expected: ["a|b", "c|d", "e|f"] },
    { name: "CSV that ends with a line", read: csv, text: "a,b\nc,d\n", expected: ["a|b", "c|d"] },
    {
      name: "NDJSON",
      read: ndjson,
      text: '1\n\n"é"\r\n{"a":[1]}\nx\n2',
      expected: [1, "é", { a: [1] }, "MALFORMED_JSON", 2],
    },
    {
      name: "JSON",
      read: readJsonArray,
      text: ' {"a":"],\\""} , [1,[2]],\n5,"é" ] ',
      expected: [{ a: '],"' }, [1, [2]], 5, "é"],
    },
    { name: "an empty array", read: readJsonArray, text: " ]\n", expected: [] },
  ])("$name", ({ read, text, expected }) => {
    for (let length = 24; length <= 64; length += 1) {
      expect(readAll(read, text, length), `windows of ${length}`).toEqual(expected);
      expect(readAll(read, text, length, 1), `windows of ${length}, one row each`).toEqual(expected);
    }
  });
});

describe("what cannot be read", () => {
  it.each([
    {
      name: "stray quotes cost their line",
      read: csv,
      text: 'a,b\n"x"y,1\nc,d\ne,f"g\n"open,1\nh,i\n',
      expected: ["a|b", "RECORD_MALFORMED", "c|d", "RECORD_MALFORMED", "RECORD_MALFORMED", "h|i"],
    },
    {
      name: "a row longer than the window",
      read: csv,
      text: `a,b\n${"x".repeat(300)}\nc,d\n`,
      expected: ["a|b", "RECORD_TOO_LARGE", "c|d"],
    },
    {
      name: "a row of delimiters only",
      read: csv,
      text: `a,b\n${",".repeat(300)}\nc,d\n`,
      expected: ["a|b", "RECORD_TOO_LARGE", "c|d"],
    },
    {
      name: "a line longer than the window",
      read: ndjson,
      text: `1\n"${"x".repeat(300)}"\n2\n`,
      expected: [1, "RECORD_TOO_LARGE", 2],
    },
    {
      name: "an element longer than the window",
      read: readJsonArray,
      text: `1,"${"x".repeat(300)}",2]`,
      expected: [1, "failed RECORD_TOO_LARGE"],
    },
    {
      name: "an array without an end",
      read: readJsonArray,
      text: "1,2",
      expected: [1, "failed MALFORMED_JSON"],
    },
    { name: "a comma too many", read: readJsonArray, text: "1,]", expected: [1, "failed MALFORMED_JSON"] },
    {
      name: "something behind the array",
      read: readJsonArray,
      text: "1] 2",
      expected: [1, "failed MALFORMED_JSON"],
    },
    {
      name: "a bracket that closes nothing",
      read: readJsonArray,
      text: "1,}]",
      expected: [1, "failed MALFORMED_JSON"],
    },
  ])("$name", ({ read, text, expected }) => {
    expect(readAll(read, text, 100)).toEqual(expected);
  });
});

describe("delimiters", () => {
  it.each([
    ["a,b\n1,2\n", ","],
    ["a;b;c\n1,5;2;3\n", ";"],
    ["a\tb\n1,2,3\t4\n", "\t"],
    ["a|b\n1|2\n", "|"],
    ['a;b\n"1;2,3,4";5\n', ";"],
    ["one\n1\n", ","],
    ['a,b\n1,2\n3,4;5,"cut', ","],
  ])("%j", (text, expected) => {
    expect(detectDelimiter(Buffer.from(text))).toBe(expected);
  });
});
