import { describe, expect, it } from "vitest";
import { BlockWriter } from "./block.ts";
import { JsonColumn } from "./json-column.ts";
import { randomFrom, randomProperties } from "./random-properties.ts";

const writer = new BlockWriter();

function blockOf(texts: readonly string[], column = new JsonColumn("p", 256)): Buffer {
  let rows = 0;
  for (const text of texts) if (column.append(text)) rows += 1;
  const block = writer.write([column], rows);
  column.reset();
  return block;
}

/** The value of a path that has one row: the last bytes of the block. */
function storedNumber(literal: string): number {
  const block = blockOf([`{"n":${literal}}`]);
  const isInteger = block.includes("Int64");
  return isInteger ? Number(block.readBigInt64LE(block.length - 8)) : block.readDoubleLE(block.length - 8);
}

describe("numbers are read as JSON.parse reads them", () => {
  const literals = [
    "0",
    "-0",
    "7",
    "-7",
    "0.1",
    "-0.1",
    "123456789012345",
    "999999999999999",
    "1234567890123456",
    "0.123456789012345",
    "0.1234567890123456",
    "9007199254740991",
    "-9007199254740991",
    "9007199254740992",
    "9007199254740993",
    "18446744073709551615",
    "1e5",
    "1E+5",
    "1.5e-7",
    "1e308",
    "5e-324",
    "2.2250738585072011e-308",
    "1.7976931348623157e+308",
    "100000000000000000000000",
  ];
  it.each(literals)("%s", (literal) => {
    expect(storedNumber(literal)).toBe(JSON.parse(literal) + 0);
  });

  const seed = Math.floor(Math.random() * 2 ** 32);
  it(`random decimals (seed ${seed})`, () => {
    const random = randomFrom(seed);
    for (let round = 0; round < 20_000; round += 1) {
      const value = (random() - 0.5) * 10 ** Math.floor(random() * 24 - 8);
      const literal = random() < 0.5 ? value.toFixed(Math.floor(random() * 12)) : String(value);
      expect(storedNumber(literal), literal).toBe(JSON.parse(literal) + 0);
    }
  });

  it("a number too large for a double is dropped, as JSON.stringify would", () => {
    expect(blockOf(['{"n":1e999,"a":1}']).equals(blockOf(['{"a":1}']))).toBe(true);
  });
});

describe("texts that give the same block", () => {
  const cases: { name: string; texts: string[]; same: string[] }[] = [
    { name: "spaces", texts: [' {\n "a" : 1 ,\t"b" : { "c" : "x" } } '], same: ['{"a":1,"b":{"c":"x"}}'] },
    { name: "escapes in values", texts: ['{"a":"\\u0041\\/\\n"}'], same: [JSON.stringify({ a: "A/\n" })] },
    { name: "escapes in keys", texts: ['{"\\u0061":1}'], same: ['{"a":1}'] },
    { name: "of a key given twice the first wins", texts: ['{"a":1,"a":"x"}'], same: ['{"a":1}'] },
    {
      name: "of two keys for one path the first wins",
      texts: ['{"a.b":1,"a%2Eb":[2]}'],
      same: ['{"a.b":1}'],
    },
    { name: "null members", texts: ['{"a":null,"b":1}'], same: ['{"b":1}'] },
    { name: "empty objects", texts: ['{"a":{},"b":{"c":{}}}'], same: ["{}"] },
    { name: "a lone surrogate", texts: ['{"a":"\\ud800","\\udc00":1}'], same: ['{"a":"\ufffd","\ufffd":1}'] },
    {
      name: "refused rows",
      texts: ['{"a":1}', '{"a":2,"b":', '{"c":3}', "[]"],
      same: ['{"a":1}', '{"c":3}'],
    },
    {
      name: "refused rows of a block sent as text",
      texts: [wide(700), '{"a":', "[1]", '{"c":3}'],
      same: [wide(700), '{"c":3}'],
    },
  ];
  it.each(cases)("$name", ({ texts, same }) => {
    expect(blockOf(texts).equals(blockOf(same))).toBe(true);
  });

  const seed = Math.floor(Math.random() * 2 ** 32);
  it(`guessed keys never change what is written (seed ${seed})`, () => {
    const random = randomFrom(seed);
    const used = new JsonColumn("p", 256);
    for (let round = 0; round < 50; round += 1) {
      const texts = Array.from({ length: 20 }, () => JSON.stringify(randomProperties(random)));
      expect(blockOf(texts, used).equals(blockOf(texts))).toBe(true);
    }
  });
});

function wide(paths: number): string {
  return JSON.stringify(
    Object.fromEntries(Array.from({ length: paths }, (_, index) => [`key_${index}`, index])),
  );
}

describe("texts that are refused", () => {
  const refused = [
    "",
    " ",
    "null",
    "1",
    '"{}"',
    "[]",
    "[{}]",
    "{",
    "{}{}",
    "{} x",
    '{"a"}',
    '{"a":}',
    '{"a":1,}',
    '{"a":1 "b":2}',
    "{a:1}",
    "{'a':1}",
    '{"a":tru}',
    '{"a":nul',
    '{"a":fals}',
    '{"a":-}',
    '{"a":.5}',
    '{"a":1e}',
    '{"a":[1,}',
    '{"a":[1}',
    '{"a":"x}',
    '{"a":"\\"}',
    '{"a":"\\x"}',
    '{"a":"line\nbreak"}',
    '{"a\nb":1}',
    '{"a":"nul\u0000"}',
    '{"a":undefined}',
    `{"a":${"[".repeat(101)}${"]".repeat(101)}}`,
    `${'{"a":'.repeat(101)}1${"}".repeat(101)}`,
    '{"a":[1,[2,"',
  ];
  it.each(refused)("%j", (text) => {
    const column = new JsonColumn("p", 256);
    expect(column.append('{"before":1}')).toBe(true);
    expect(column.append(text)).toBe(false);
    expect(column.append(text), "also the second time, when texts are checked first").toBe(false);
    expect(column.append('{"after":1}')).toBe(true);
    expect(writer.write([column], 2).equals(blockOf(['{"before":1}', '{"after":1}']))).toBe(true);
  });

  it("100 levels are taken", () => {
    const column = new JsonColumn("p", 256);
    expect(column.append(`${'{"a":'.repeat(99)}{"a":1}${"}".repeat(99)}`)).toBe(true);
    expect(column.append(`{"a":${"[".repeat(99)}${"]".repeat(99)}}`)).toBe(true);
  });
});

describe("a block with too many paths", () => {
  it("goes as text that ClickHouse's parser takes", () => {
    const column = new JsonColumn("p", 256, 0);
    const text = '{"a":1,"n":null,"s":"\\ud800","big":1e20,"huge":1e999,"list":[1,-0,{"x":null}]}';
    expect(column.append(text)).toBe(true);
    expect(column.asText).toBe(true);
    const block = writer.write([column], 1).toString();
    expect(block.slice(block.indexOf('{"'))).toBe('{"a":1,"s":"\ufffd","big":1e+20,"list":[1,0,{}]}');
  });

  it.each(["[null]", '[{"a":[[1,null]]}]', "[1e999]"])("stays typed when an array holds null: %s", (list) => {
    const texts = ['{"a":1}', `{"list":${list}}`, wide(700)];
    const typed = blockOf(texts, new JsonColumn("p", 256, 10_000));
    expect(blockOf(texts).equals(typed)).toBe(true);
    expect(blockOf(texts, new JsonColumn("p", 256, 0)).equals(typed)).toBe(true);
  });

  it("goes as text all the same with more than 2,000 paths: memory comes first", () => {
    const texts = ['{"list":[null]}', wide(1990)];
    const typed = blockOf(texts, new JsonColumn("p", 256, 10_000));
    expect(blockOf(texts).equals(typed)).toBe(true);
    const block = blockOf([...texts, '{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"i":9,"j":10}']);
    expect(block.toString()).toContain('{"list":[null]}');
    expect(block.length).toBeLessThan(50_000);
  });

  it("starts at 601 paths and ends with the block", () => {
    const column = new JsonColumn("p", 256);
    column.append(wide(600));
    expect(column.asText).toBe(false);
    column.append('{"one":{"more":1}}');
    expect(column.asText).toBe(true);
    column.reset();
    column.append(wide(600));
    expect(column.asText).toBe(false);
  });
});
