import { expect, it } from "vitest";
import { monthOf, nameOfMonth, parseMonth, partitionId, rangeOfMonth, rangesOfMonths } from "./month.ts";

it.each([
  ["2026-11-30T23:59:59.999Z", 202_611],
  ["2026-12-01T00:00:00.000Z", 202_612],
  ["2010-01-01T00:00:00.000Z", 201_001],
  ["2009-12-31T23:59:59.999Z", 0],
  ["1969-07-20T20:17:40.000Z", 0],
  ["2299-12-31T00:00:00.000Z", 229_912],
])("the month of %s is %d", (time, month) => {
  const atMs = Date.parse(time);
  expect(monthOf(atMs)).toBe(month);
  const { fromMs, endMs } = rangeOfMonth(month);
  expect(fromMs <= atMs && atMs < endMs).toBe(true);
  expect(parseMonth(nameOfMonth(month))).toBe(month);
});

it.each(["2026-13", "2026-00", "2026-1", "2009-12", "before", "", "2026-03-01", "10000-01"])(
  "%s names no month",
  (name) => {
    expect(parseMonth(name)).toBeUndefined();
  },
);

it("joins months that follow each other", () => {
  const iso = rangesOfMonths([202_702, 202_612, 202_701, 202_604, 202_612]).map(({ fromMs, endMs }) => [
    new Date(fromMs).toISOString().slice(0, 10),
    new Date(endMs).toISOString().slice(0, 10),
  ]);
  expect(iso).toEqual([
    ["2026-04-01", "2026-05-01"],
    ["2026-12-01", "2027-03-01"],
  ]);
  expect(rangesOfMonths([201_001, 0])).toHaveLength(1);
});

it("names partitions as the store does", () => {
  expect(partitionId(90, 202_605)).toBe("90-202605");
});
