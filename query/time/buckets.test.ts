import { Temporal } from "@js-temporal/polyfill";
import { describe, expect, it } from "vitest";
import { buildBuckets } from "./buckets.ts";
import type { Interval, WeekStart } from "./calendar.ts";

function starts(
  from: string,
  end: string,
  zone: string,
  interval: Interval,
  weekStart: WeekStart = "monday",
): string[] {
  const buckets = buildBuckets(
    { fromMs: Date.parse(from), endMs: Date.parse(end), zone, interval, weekStart },
    10_000,
  );
  return (buckets?.startsMs ?? []).map((ms) => new Date(ms).toISOString());
}

describe("buildBuckets", () => {
  const cases: { name: string; got: () => string[]; expected: string[] }[] = [
    {
      name: "first bucket begins before the range, at its interval's start",
      got: () => starts("2026-11-22T10:30:00Z", "2026-11-24T00:00:00Z", "UTC", "day"),
      expected: ["2026-11-22T00:00:00.000Z", "2026-11-23T00:00:00.000Z"],
    },
    {
      name: "Amsterdam: the day of 23 hours",
      got: () => starts("2026-03-28T23:00:00Z", "2026-03-30T22:00:00Z", "Europe/Amsterdam", "day"),
      expected: ["2026-03-28T23:00:00.000Z", "2026-03-29T22:00:00.000Z"],
    },
    {
      name: "Amsterdam: the hour that is lived twice is two buckets",
      got: () => starts("2026-10-24T23:30:00Z", "2026-10-25T03:00:00Z", "Europe/Amsterdam", "hour"),
      expected: [
        "2026-10-24T23:00:00.000Z",
        "2026-10-25T00:00:00.000Z",
        "2026-10-25T01:00:00.000Z",
        "2026-10-25T02:00:00.000Z",
      ],
    },
    {
      name: "New York: months have their true length",
      got: () => starts("2026-03-01T05:00:00Z", "2026-05-01T04:00:00Z", "America/New_York", "month"),
      expected: ["2026-03-01T05:00:00.000Z", "2026-04-01T04:00:00.000Z"],
    },
    {
      name: "Kolkata: half-hour offset",
      got: () => starts("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "Asia/Kolkata", "day"),
      expected: ["2025-12-31T18:30:00.000Z", "2026-01-01T18:30:00.000Z"],
    },
    {
      name: "Lord Howe: half an hour back, the hour of 90 minutes",
      got: () => starts("2026-04-04T14:00:00Z", "2026-04-04T16:30:00Z", "Australia/Lord_Howe", "hour"),
      expected: ["2026-04-04T14:00:00.000Z", "2026-04-04T15:30:00.000Z"],
    },
    {
      name: "Lord Howe: half an hour forward, the hour that begins after the gap",
      got: () => starts("2026-10-03T14:30:00Z", "2026-10-03T17:00:00Z", "Australia/Lord_Howe", "hour"),
      expected: ["2026-10-03T14:30:00.000Z", "2026-10-03T15:30:00.000Z", "2026-10-03T16:00:00.000Z"],
    },
    {
      name: "Apia: 30 December 2011 does not exist",
      got: () => starts("2011-12-29T10:00:00Z", "2012-01-01T10:00:00Z", "Pacific/Apia", "day"),
      expected: ["2011-12-29T10:00:00.000Z", "2011-12-30T10:00:00.000Z", "2011-12-31T10:00:00.000Z"],
    },
    {
      name: "Havana: the day begins once though its midnight comes twice",
      got: () => starts("2026-11-01T04:00:00Z", "2026-11-02T06:00:00Z", "America/Havana", "day"),
      expected: ["2026-11-01T04:00:00.000Z", "2026-11-02T05:00:00.000Z"],
    },
    {
      name: "Cairo: a day whose midnight is skipped begins at one",
      got: () => starts("2026-04-23T22:00:00Z", "2026-04-24T21:00:00Z", "Africa/Cairo", "day"),
      expected: ["2026-04-23T22:00:00.000Z"],
    },
    {
      name: "weeks from Sunday",
      got: () => starts("2026-11-22T00:00:00Z", "2026-11-30T00:00:00Z", "UTC", "week", "sunday"),
      expected: ["2026-11-22T00:00:00.000Z", "2026-11-29T00:00:00.000Z"],
    },
    {
      name: "weeks from Monday",
      got: () => starts("2026-11-22T00:00:00Z", "2026-11-30T00:00:00Z", "UTC", "week"),
      expected: ["2026-11-16T00:00:00.000Z", "2026-11-23T00:00:00.000Z"],
    },
    {
      name: "before 1970",
      got: () => starts("1969-12-30T12:00:00Z", "1970-01-02T00:00:00Z", "UTC", "day"),
      expected: ["1969-12-30T00:00:00.000Z", "1969-12-31T00:00:00.000Z", "1970-01-01T00:00:00.000Z"],
    },
  ];
  for (const { name, got, expected } of cases) it(name, () => expect(got()).toEqual(expected));

  it("refuses more buckets than allowed", () => {
    const options = {
      fromMs: 0,
      endMs: 11 * 60_000,
      zone: "UTC",
      interval: "minute",
      weekStart: "monday",
    } as const;
    expect(buildBuckets(options, 10)).toBeUndefined();
    expect(buildBuckets(options, 11)?.startsMs).toHaveLength(11);
  });

  // Temporal's own calendar, one day at a time, is the slow reference.
  for (const zone of [
    "Europe/Amsterdam",
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "America/St_Johns",
    "Africa/Casablanca",
  ]) {
    it(`days agree with Temporal in ${zone}`, () => {
      const from = Temporal.PlainDate.from("2010-06-01");
      const expected = new Set<number>();
      for (let day = 0; day < 800; day += 1) {
        expected.add(from.add({ days: day }).toZonedDateTime(zone).epochMilliseconds);
      }
      const fromMs = from.toZonedDateTime(zone).epochMilliseconds;
      const endMs = from.add({ days: 800 }).toZonedDateTime(zone).epochMilliseconds;
      const buckets = buildBuckets({ fromMs, endMs, zone, interval: "day", weekStart: "monday" }, 10_000);
      expect(buckets?.startsMs).toEqual([...expected]);
      expect(buckets?.endMs).toBe(endMs);
    });
  }
});
