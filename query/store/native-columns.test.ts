// Blocks of the store's Native format, in whatever pieces they arrive.
import { expect, it } from "vitest";
import { NativeColumns, type NumberColumn } from "./native-columns.ts";

const columns: readonly NumberColumn[] = [
  { name: "person", type: "UInt32" },
  { name: "at_ms", type: "Float64" },
];
const options = { rowsExpected: 10, rowsMax: 5_000, refuse: () => new Error("too many") };

function number(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...number(Math.floor(value / 128))];
}

function text(value: string): number[] {
  return [...number(value.length), ...Buffer.from(value)];
}

function block(persons: readonly number[], times: readonly number[], given = columns): Buffer {
  const values = [Uint32Array.from(persons), Float64Array.from(times)];
  return Buffer.concat([
    Buffer.from([...number(given.length), ...number(persons.length)]),
    ...given.flatMap(({ name, type }, index) => [
      Buffer.from([...text(name), ...text(type)]),
      Buffer.from(values[index]?.buffer ?? new ArrayBuffer(0)),
    ]),
  ]);
}

const persons = Array.from({ length: 3_000 }, (_, row) => 2 ** 32 - 1 - row);
const times = persons.map((person) => person * 1000.5);
const bytes = Buffer.concat([
  block(persons.slice(0, 7), times.slice(0, 7)),
  block([], []),
  block(persons.slice(7), times.slice(7)),
]);

it.each([1, 3, 64, 4096, bytes.length])("reads pieces of %i bytes", (size) => {
  const reader = new NativeColumns(columns, options);
  for (let at = 0; at < bytes.length; at += size) reader.push(bytes.subarray(at, at + size));
  const [gotPersons, gotTimes] = reader.finish();
  expect([...(gotPersons ?? [])]).toEqual(persons);
  expect([...(gotTimes ?? [])]).toEqual(times);
});

it("answers empty columns when nothing came", () => {
  expect(new NativeColumns(columns, options).finish().map((each) => each.length)).toEqual([0, 0]);
});

it("refuses more rows than allowed", () => {
  const reader = new NativeColumns(columns, { ...options, rowsMax: 6 });
  expect(() => reader.push(bytes)).toThrow("too many");
});

it("refuses an answer that ends in the middle", () => {
  const reader = new NativeColumns(columns, options);
  reader.push(bytes.subarray(0, bytes.length - 1));
  expect(() => reader.finish()).toThrow("ended prematurely");
});

it("refuses columns that were not asked for", () => {
  const other = columns.map((column) => ({ ...column, name: `${column.name}2` }));
  const reader = new NativeColumns(columns, options);
  expect(() => reader.push(block([1], [2], other))).toThrow("expected person UInt32");
});
