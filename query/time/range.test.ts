import { describe, expect, it } from "vitest";
import { MillraceError } from "#schemas/errors.ts";
import { previousPeriod } from "./previous-period.ts";
import { readRange } from "./range.ts";

const now = Date.parse("2026-11-22T10:20:30.400Z");

function read(query: { from?: string | number; to?: string | number; timezone?: string }): [string, string] {
  const { fromMs, endMs } = readRange(query, now);
  return [new Date(fromMs).toISOString(), new Date(endMs - 1).toISOString()];
}

describe("readRange", () => {
  const cases: {
    query: { from?: string | number; to?: string | number; timezone?: string };
    expected: [string, string];
  }[] = [
    { query: {}, expected: ["2026-10-24T00:00:00.000Z", "2026-11-22T10:20:30.400Z"] },
    {
      query: { from: "2026-11-01", to: "2026-11-01" },
      expected: ["2026-11-01T00:00:00.000Z", "2026-11-01T23:59:59.999Z"],
    },
    {
      query: { from: "2026-03-29", to: "2026-03-29", timezone: "Europe/Amsterdam" },
      expected: ["2026-03-28T23:00:00.000Z", "2026-03-29T21:59:59.999Z"],
    },
    {
      query: { from: "2026-11-01T10:00", to: "2026-11-01T11:00:00.5", timezone: "America/New_York" },
      expected: ["2026-11-01T15:00:00.000Z", "2026-11-01T16:00:00.500Z"],
    },
    {
      query: { from: "2026-11-01T10:00:00+02:00", to: "2026-11-01T10:00:00Z", timezone: "Asia/Tokyo" },
      expected: ["2026-11-01T08:00:00.000Z", "2026-11-01T10:00:00.000Z"],
    },
    {
      query: { from: 0, to: 86_400_000 },
      expected: ["1970-01-01T00:00:00.000Z", "1970-01-02T00:00:00.000Z"],
    },
    {
      query: { from: "1900-01-01", to: "2299-12-31" },
      expected: ["1900-01-01T00:00:00.000Z", "2299-12-31T23:59:59.999Z"],
    },
    { query: { from: "2027-01-01" }, expected: ["2027-01-01T00:00:00.000Z", "2027-01-01T00:00:00.000Z"] },
  ];
  for (const { query, expected } of cases) {
    it(`reads ${JSON.stringify(query)}`, () => expect(read(query)).toEqual(expected));
  }

  const wrong: [query: object, path: string][] = [
    [{ from: "2026-13-01" }, "from"],
    [{ from: "2026-02-30" }, "from"],
    [{ to: "tomorrow" }, "to"],
    [{ to: "2026-11-01T25:00" }, "to"],
    [{ from: "1899-12-31" }, "from"],
    [{ to: 1e18 }, "to"],
    [{ from: "2026-11-02", to: "2026-11-01" }, "from"],
    [{ timezone: "Europe/Nowhere" }, "timezone"],
  ];
  for (const [query, path] of wrong) {
    it(`refuses ${JSON.stringify(query)}`, () => {
      expect(() => readRange(query, now)).toThrow(MillraceError);
      try {
        readRange(query, now);
      } catch (error) {
        expect((error as MillraceError).details).toMatchObject([{ path }]);
      }
    });
  }
});

describe("previousPeriod", () => {
  const cases: {
    name: string;
    from: string;
    end: string;
    zone: string;
    interval: "day" | "month";
    expected: [string, string];
  }[] = [
    {
      name: "whole local days across a change of the clock",
      from: "2026-03-28T23:00:00Z",
      end: "2026-03-30T22:00:00Z",
      zone: "Europe/Amsterdam",
      interval: "day",
      expected: ["2026-03-26T23:00:00.000Z", "2026-03-28T23:00:00.000Z"],
    },
    {
      name: "whole months by month",
      from: "2026-02-01T00:00:00Z",
      end: "2026-04-01T00:00:00Z",
      zone: "UTC",
      interval: "month",
      expected: ["2025-12-01T00:00:00.000Z", "2026-02-01T00:00:00.000Z"],
    },
    {
      name: "whole months by day",
      from: "2026-03-01T00:00:00Z",
      end: "2026-04-01T00:00:00Z",
      zone: "UTC",
      interval: "day",
      expected: ["2026-01-29T00:00:00.000Z", "2026-03-01T00:00:00.000Z"],
    },
    {
      name: "anything else by elapsed time",
      from: "2026-03-01T10:00:00Z",
      end: "2026-03-01T12:30:00Z",
      zone: "UTC",
      interval: "day",
      expected: ["2026-03-01T07:30:00.000Z", "2026-03-01T10:00:00.000Z"],
    },
  ];
  for (const { name, from, end, zone, interval, expected } of cases) {
    it(name, () => {
      const period = previousPeriod({ fromMs: Date.parse(from), endMs: Date.parse(end) }, zone, interval);
      expect([period.fromMs, period.endMs].map((ms) => new Date(ms).toISOString())).toEqual(expected);
    });
  }
});
