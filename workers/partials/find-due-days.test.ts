// How many days one statement takes.
import { expect, it } from "vitest";
import { takeDays, type DueDay } from "./find-due-days.ts";

const days = (rows: readonly number[], event = "order"): DueDay[] =>
  rows.map((each, index) => ({ event, day: 20_000 - index, rows: each }));

it.each([
  { name: "nothing is due", due: days([]), taken: 0 },
  { name: "as many rows as fit", due: days([4, 4, 2, 1]), taken: 3 },
  { name: "a day that is too large goes alone", due: days([50, 1]), taken: 1 },
  { name: "after others it waits", due: days([1, 50]), taken: 1 },
  {
    name: "days without many rows have a bound too",
    due: days(Array.from({ length: 9 }, () => 1)),
    taken: 5,
  },
  { name: "and so have long names", due: days([1, 1, 1], "é".repeat(15_000)), taken: 1 },
])("$name", ({ due, taken }) => {
  expect(takeDays(due, 10, 5)).toEqual(due.slice(0, taken));
});
