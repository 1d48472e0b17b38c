import { expect, it } from "vitest";
import { MillraceError } from "../errors.ts";
import { parseFormat, parseMapping } from "./mapping.ts";

function parameterOf(given: Record<string, unknown>, format: "csv" | "json" = "csv"): unknown {
  try {
    parseMapping(new Map(Object.entries(given)), format);
    return "accepted";
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    expect(error.code).toBe("INVALID_PARAMETER");
    return (error.details[0] as { parameter: string }).parameter;
  }
}

it.each([
  { given: { nonsense: "1" }, expected: "nonsense" },
  { given: { event: "a", event_column: "b" }, expected: "event" },
  { given: { event: ["a", "b"] }, expected: "event" },
  { given: { user_column: "" }, expected: "user_column" },
  { given: { user_column: "x".repeat(201) }, expected: "user_column" },
  { given: { dedupe: "yes" }, expected: "dedupe" },
  { given: { delimiter: "ab" }, expected: "delimiter" },
  { given: { delimiter: '"' }, expected: "delimiter" },
  { given: { charset: "klingon" }, expected: "charset" },
  { given: { types: "a" }, expected: "types" },
  { given: { types: "a:money" }, expected: "types" },
  { given: { types: "{" }, expected: "types" },
  { given: { types: [1] }, expected: "types" },
])("refuses $given", ({ given, expected }) => {
  expect(parameterOf(given)).toBe(expected);
});

it("a delimiter is for CSV only", () => {
  expect(parameterOf({ delimiter: "," }, "json")).toBe("delimiter");
});

it.each(["", "xml", undefined])("refuses the format %s", (format) => {
  expect(() => parseFormat(format)).toThrow("`format` must be");
});

it("reads types as text, as JSON text and as an object", () => {
  const expected = { types: { price: "number", "a:b": "string" } };
  for (const types of ["price:number, a:b:string", '{"price":"number","a:b":"string"}', expected.types]) {
    expect(parseMapping(new Map([["types", types]]), "csv")).toEqual(expected);
  }
});

it.each([
  ["semicolon", ";"],
  ["tab", "\t"],
  ["\\t", "\t"],
  ["|", "|"],
  ["^", "^"],
])("takes the delimiter %s", (given, expected) => {
  expect(parseMapping(new Map([["delimiter", given]]), "csv").delimiter).toBe(expected);
});

it.each([
  ["Latin1", "windows-1252"],
  ["ISO-8859-15", "iso-8859-15"],
  ["utf8", "utf-8"],
  ["UTF-16", "utf-16"],
  ["utf-16be", "utf-16be"],
])("knows the charset %s", (given, expected) => {
  expect(parseMapping(new Map([["charset", given]]), "csv").charset).toBe(expected);
});
