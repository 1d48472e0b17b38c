// Byte for byte what ClickHouse 26.7 itself writes: `SELECT … FORMAT Native`, for JSON with
// output_format_native_use_flattened_dynamic_and_json_serialization=1, json_type_escape_dots_in_keys=1.
import { describe, expect, it } from "vitest";
import { BlockWriter } from "./block.ts";
import type { Column } from "./column.ts";
import { JsonColumn } from "./json-column.ts";
import { DateTime64Column, UInt16Column, UInt32Column, UInt64Column, UInt8Column } from "./number-columns.ts";
import { LowCardinalityColumn, StringColumn } from "./string-columns.ts";

interface Case {
  name: string;
  column: Column & { append(value: never): unknown };
  values: readonly (number | string)[];
  hex: string;
}

const jsonHeader = "01761b4a534f4e286d61785f64796e616d69635f70617468733d32353629";

const cases: Case[] = [
  { name: "UInt8", column: new UInt8Column("v"), values: [0, 255], hex: "010201760555496e743800ff" },
  {
    name: "UInt16",
    column: new UInt16Column("v"),
    values: [0, 65_535],
    hex: "010201760655496e7431360000ffff",
  },
  {
    name: "UInt32",
    column: new UInt32Column("v"),
    values: [0, 4_294_967_295],
    hex: "010201760655496e74333200000000ffffffff",
  },
  {
    name: "UInt64",
    column: new UInt64Column("v"),
    values: [0, Number.MAX_SAFE_INTEGER],
    hex: "010201760655496e7436340000000000000000ffffffffffff1f00",
  },
  {
    name: "DateTime64(3), before 1970 too",
    column: new DateTime64Column("v"),
    values: [
      Date.parse("1900-01-01T00:00:00Z"),
      -1,
      Date.parse("2026-11-22T10:00:00.123Z"),
      Date.parse("2299-12-31T23:59:59.999Z"),
    ],
    hex:
      "01040176144461746554696d65363428332c2027555443272900dc01aefdfdffffffffffffffffffff" +
      "7bc5b202a2010000ff775fa678090000",
  },
  {
    name: "String",
    column: new StringColumn("v"),
    values: ["", "a", "é😀", "x".repeat(130)],
    hex: `0104017606537472696e6700016106c3a9f09f98808201${"78".repeat(130)}`,
  },
  {
    name: "LowCardinality(String)",
    column: new LowCardinalityColumn("v"),
    values: ["nl", "", "de", "nl"],
    hex:
      "01040176164c6f7743617264696e616c69747928537472696e672901000000000000000006000000000000" +
      "030000000000000000026e6c026465040000000000000001000201",
  },
  {
    name: "JSON: integers, a path of two types, missing values",
    column: new JsonColumn("v", 256),
    values: ['{"a":1,"b":true}', '{"a":-2}', '{"b":"x"}'],
    hex:
      `0103${jsonHeader}0300000000000000020161016203000000000000000105496e7436340300000000000000` +
      "0204426f6f6c06537472696e670000010100000000000000feffffffffffffff000201010178",
  },
  {
    name: "JSON: floats, nesting, dots in keys",
    column: new JsonColumn("v", 256),
    values: ['{"a":1.5,"b":{"c.d":"x"}}'],
    hex:
      `0101${jsonHeader}030000000000000002016107622e632532456403000000000000000107466c6f6174363403000000` +
      "000000000106537472696e6700000000000000f83f000178",
  },
  {
    name: "JSON: arrays of scalars",
    column: new JsonColumn("v", 256),
    values: ['{"a":[1,null],"b":[true],"c":[0.5],"d":["x",null],"e":[]}'],
    hex:
      `0101${jsonHeader}03000000000000000501610162016301640165030000000000000001164172726179284e756c6c61` +
      "626c6528496e7436342929030000000000000001154172726179284e756c6c61626c6528426f6f6c292903000000000000" +
      "0001184172726179284e756c6c61626c6528466c6f617436342929030000000000000001174172726179284e756c6c6162" +
      "6c6528537472696e672929030000000000000001174172726179284e756c6c61626c6528537472696e6729290002000000" +
      "00000000000101000000000000000000000000000000000100000000000000000100010000000000000000000000000000" +
      "e03f0002000000000000000001017800000000000000000000",
  },
  {
    name: "JSON: an array of objects",
    column: new JsonColumn("v", 256),
    values: ['{"a":[{"x":1},{"y":"s"}]}', "{}"],
    hex:
      `0102${jsonHeader}0300000000000000010161030000000000000001374172726179284a534f4e286d61785f64796e61` +
      "6d69635f74797065733d31362c206d61785f64796e616d69635f70617468733d3634292903000000000000000201780179" +
      "03000000000000000105496e74363403000000000000000106537472696e67000102000000000000000001010000000000" +
      "000001000173",
  },
  {
    name: "JSON: an array of everything",
    column: new JsonColumn("v", 256),
    values: ['{"a":[[7],1,null,{"b":2},"s"]}'],
    hex:
      `0101${jsonHeader}03000000000000000101610300000000000000010e41727261792844796e616d6963290300000000` +
      "00000004164172726179284e756c6c61626c6528496e743634292905496e743634044a534f4e06537472696e6703000000" +
      "0000000001016203000000000000000105496e743634000500000000000000000104020301000000000000000007000000" +
      "0000000001000000000000000002000000000000000173",
  },
];

describe("a column has the server's own bytes", () => {
  const writer = new BlockWriter();
  it.each(cases)("$name", ({ column, values, hex }) => {
    for (const value of values) column.append(value as never);
    expect(writer.write([column], values.length).toString("hex")).toBe(hex);
    column.reset();
    // A second block of the same column starts from nothing.
    for (const value of values) column.append(value as never);
    expect(writer.write([column], values.length).toString("hex")).toBe(hex);
  });
});

describe("LowCardinality indexes take the narrowest width", () => {
  it.each([
    { keys: 255, width: 1, flags: "0006000000000000" },
    { keys: 256, width: 2, flags: "0106000000000000" },
    { keys: 65_535, width: 2, flags: "0106000000000000" },
    { keys: 65_536, width: 4, flags: "0206000000000000" },
  ])("$keys keys", ({ keys, width, flags }) => {
    const column = new LowCardinalityColumn("v");
    for (let key = 0; key < keys; key += 1) column.append(`k${key}`);
    const block = new BlockWriter().write([column], keys);
    const header = block.indexOf("LowCardinality(String)") + "LowCardinality(String)".length;
    expect(block.subarray(header + 8, header + 16).toString("hex")).toBe(flags);
    const last = block.subarray(block.length - width);
    expect(last.readUIntLE(0, width)).toBe(keys);
  });
});

describe("numbers that a column cannot hold are refused", () => {
  const refused: { column: Column & { append(value: number): void }; values: number[] }[] = [
    { column: new UInt8Column("v"), values: [-1, 256, 0.5, Number.NaN] },
    { column: new UInt16Column("v"), values: [-1, 65_536, 0.5, Number.NaN] },
    { column: new UInt32Column("v"), values: [-1, 2 ** 32, 0.5, Number.NaN] },
    { column: new UInt64Column("v"), values: [-1, 2 ** 53, 0.5, Number.NaN] },
    { column: new DateTime64Column("v"), values: [-2_208_988_800_001, 10_413_792_000_000, 0.5, Number.NaN] },
  ];
  for (const { column, values } of refused) {
    it.each(values)(`${column.type}: %d`, (value) => {
      expect(() => column.append(value)).toThrow(RangeError);
    });
  }
});
