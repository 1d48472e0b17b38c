// Rows by person, then time, whatever their number and the size of persons' numbers.
import { expect, it } from "vitest";
import { RandomSource } from "../../../testing/random-source.ts";
import { orderRows } from "./order-rows.ts";

const random = new RandomSource(Math.floor(Math.random() * 2 ** 31));

it.each([
  { name: "no rows", rows: 0, persons: 1, times: 1 },
  { name: "one person, many rows, late ones", rows: 5_000, persons: 1, times: 1e12 },
  { name: "one person, many rows, few instants", rows: 5_000, persons: 1, times: 20 },
  { name: "more persons than one pass sorts by", rows: 20_000, persons: 300_000, times: 100 },
  { name: "numbers over the whole range", rows: 20_000, persons: 2 ** 32, times: 1e13 },
])("$name", ({ rows, persons, times }) => {
  const given = {
    persons: Uint32Array.from({ length: rows }, () => random.below(persons)),
    timesMs: Float64Array.from({ length: rows }, () => random.below(times) - 5),
    masks: Uint32Array.from({ length: rows }, (_, row) => row),
    values: Float64Array.from({ length: rows }, (_, row) => -row),
  };
  const got = orderRows(given);
  const asRows = (each: typeof given): number[][] =>
    Array.from(each.persons, (person, row) => [
      person,
      each.timesMs[row] as number,
      each.masks[row] as number,
      each.values[row] as number,
    ]);
  const compare = (left: number[], right: number[]): number => {
    const column = left.findIndex((value, index) => value !== right[index]);
    return column === -1 ? 0 : (left[column] as number) - (right[column] as number);
  };
  const expected = asRows(given).sort((left, right) => compare(left.slice(0, 2), right.slice(0, 2)));
  const ordered = asRows(got as typeof given);
  // By person and time; rows that agree in both stay in their order or not, but none is lost.
  expect(ordered.map((row) => row.slice(0, 2))).toEqual(expected.map((row) => row.slice(0, 2)));
  expect([...ordered].sort(compare)).toEqual([...expected].sort(compare));
});
