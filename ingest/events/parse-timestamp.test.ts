import { expect, test } from "vitest";
import { parseTimestamp } from "./parse-timestamp.ts";

const base = Date.UTC(2026, 10, 22, 10, 0, 0);

const good: { name: string; input: unknown; expected: number }[] = [
  { name: "UTC", input: "2026-11-22T10:00:00Z", expected: base },
  { name: "small letters", input: "2026-11-22t10:00:00z", expected: base },
  { name: "milliseconds", input: "2026-11-22T10:00:00.123Z", expected: base + 123 },
  { name: "one digit of a second", input: "2026-11-22T10:00:00.5Z", expected: base + 500 },
  { name: "nanoseconds are cut", input: "2026-11-22T10:00:00.123999999Z", expected: base + 123 },
  { name: "east of UTC", input: "2026-11-22T12:30:00+02:30", expected: base },
  { name: "west of UTC, basic", input: "2026-11-22T05:00:00-0500", expected: base },
  { name: "hours only", input: "2026-11-22T11:00:00+01", expected: base },
  { name: "no zone is UTC", input: "2026-11-22T10:00:00", expected: base },
  { name: "a space between", input: "2026-11-22 10:00:00.250", expected: base + 250 },
  { name: "no seconds", input: "2026-11-22T10:00Z", expected: base },
  { name: "a date alone", input: "2026-11-22", expected: Date.UTC(2026, 10, 22) },
  { name: "leap day", input: "2024-02-29T00:00:00Z", expected: Date.UTC(2024, 1, 29) },
  { name: "leap day of a century", input: "2000-02-29T00:00:00Z", expected: Date.UTC(2000, 1, 29) },
  { name: "the first instant", input: "1900-01-01T00:00:00Z", expected: -2_208_988_800_000 },
  { name: "epoch milliseconds", input: base, expected: base },
  { name: "before 1970", input: -1, expected: -1 },
  { name: "fractions of milliseconds are cut", input: base + 0.75, expected: base },
];

test.each(good)("$name", ({ input, expected }) => {
  expect(parseTimestamp(input)).toBe(expected);
});

const bad: unknown[] = [
  "2026-02-31T00:00:00Z",
  "2023-02-29T00:00:00Z",
  "2100-02-29T00:00:00Z",
  "2026-13-01T00:00:00Z",
  "2026-00-01T00:00:00Z",
  "2026-01-00T00:00:00Z",
  "2026-11-22T24:00:00Z",
  "2026-11-22T10:60:00Z",
  "2026-11-22T10:00:60Z",
  "2026-11-22T10:00:00.Z",
  "2026-11-22T10:00:00+25:00",
  "2026-11-22T10:00:00+02:60",
  "2026-11-22T10:00:00ZZ",
  "2026-11-22T10:00:00 GMT",
  "2026-11-22T",
  "2026-11-22T10",
  "2026/11/22",
  "22 Nov 2026",
  "Sun Nov 22 2026",
  "1763805600000",
  "1899-12-31T23:59:59Z",
  "9999-12-31T23:59:59Z",
  "+02026-11-22T10:00:00Z",
  `2026-11-22T10:00:00.${"1".repeat(50)}Z`,
  "",
  "now",
  Number.NaN,
  Number.POSITIVE_INFINITY,
  1e20,
  -1e20,
  true,
  null,
  {},
  [],
];

test.each(bad.map((input) => ({ input, name: JSON.stringify(input) })))("refuses $name", ({ input }) => {
  expect(parseTimestamp(input)).toBeNaN();
});

test("agrees with Date on every day from 1900 to 2299", () => {
  const wrong: string[] = [];
  for (let ms = -2_208_988_800_000; ms < 10_413_792_000_000; ms += 86_400_000 + 3_723_007) {
    const text = new Date(ms).toISOString();
    if (parseTimestamp(text) !== ms) wrong.push(text);
  }
  expect(wrong).toEqual([]);
});
