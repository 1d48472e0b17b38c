import { describe, expect, it } from "vitest";
import { bucketsFrom, bucketsUpTo } from "./count-buckets.ts";
import { intervalMsMax, type Interval } from "./calendar.ts";

const iso = (startsMs: readonly number[]): string[] => startsMs.map((start) => new Date(start).toISOString());
const weekStart = "monday" as const;

describe("bucketsFrom", () => {
  const cases: {
    name: string;
    from: string;
    count: number;
    zone: string;
    interval: Interval;
    expected: string[];
  }[] = [
    {
      name: "the first holds the instant",
      from: "2026-06-10T18:00:00Z",
      count: 2,
      zone: "UTC",
      interval: "week",
      expected: ["2026-06-08T00:00:00.000Z", "2026-06-15T00:00:00.000Z", "2026-06-22T00:00:00.000Z"],
    },
    {
      name: "days of 23 and 24 hours",
      from: "2026-03-28T12:00:00Z",
      count: 2,
      zone: "Europe/Amsterdam",
      interval: "day",
      expected: ["2026-03-27T23:00:00.000Z", "2026-03-28T23:00:00.000Z", "2026-03-29T22:00:00.000Z"],
    },
    {
      name: "months",
      from: "2026-01-31T12:00:00Z",
      count: 2,
      zone: "UTC",
      interval: "month",
      expected: ["2026-01-01T00:00:00.000Z", "2026-02-01T00:00:00.000Z", "2026-03-01T00:00:00.000Z"],
    },
    {
      name: "a day that does not exist is none",
      from: "2011-12-29T12:00:00Z",
      count: 2,
      zone: "Pacific/Apia",
      interval: "day",
      // The 29th, then the 31st.
      expected: ["2011-12-29T10:00:00.000Z", "2011-12-30T10:00:00.000Z", "2011-12-31T10:00:00.000Z"],
    },
  ];
  for (const { name, from, count, zone, interval, expected } of cases) {
    it(name, () => {
      const { startsMs, endMs } = bucketsFrom(Date.parse(from), count, { zone, interval, weekStart });
      expect(iso([...startsMs, endMs])).toEqual(expected);
    });
  }
});

describe("as many as asked for", () => {
  for (const interval of ["hour", "day", "week", "month"] as const) {
    for (const zone of ["UTC", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"]) {
      it(`${interval} in ${zone}`, () => {
        const at = Date.parse("2011-11-20T10:30:00Z");
        for (const count of [1, 2, 50, 366]) {
          const calendar = { zone, interval, weekStart };
          const from = bucketsFrom(at, count, calendar);
          expect(from.startsMs).toHaveLength(count);
          expect(from.startsMs[0]).toBeLessThanOrEqual(at);
          expect(from.startsMs[1] ?? from.endMs).toBeGreaterThan(at);
          const upTo = bucketsUpTo(at, count, calendar);
          expect(upTo.startsMs).toHaveLength(count);
          expect(upTo.startsMs.at(-1)).toBeLessThanOrEqual(at);
          expect(upTo.endMs).toBeGreaterThan(at);
          for (const { startsMs, endMs } of [from, upTo]) {
            startsMs.forEach((start, index) => {
              const length = (startsMs[index + 1] ?? endMs) - start;
              expect(length).toBeGreaterThan(0);
              expect(length).toBeLessThanOrEqual(intervalMsMax(interval));
            });
          }
        }
      });
    }
  }
});
