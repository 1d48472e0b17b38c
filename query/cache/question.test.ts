// Which questions are the same.
import { describe, expect, it } from "vitest";
import { readTrendsRequest } from "../events/trends/request.ts";
import { nameQuestion, type QuestionName } from "./question.ts";

const nowMs = Date.UTC(2026, 10, 22, 10, 30, 15, 123);
const series = [{ event: "order" }];

function name(body: object, atMs = nowMs, projectId = 1): QuestionName | undefined {
  const read = (ms: number): unknown => readTrendsRequest(body, ms);
  return nameQuestion({ kind: "trends", projectId, body, nowMs: atMs, read, request: read(atMs) });
}

describe("two questions", () => {
  const cases: [string, boolean, object, object, number][] = [
    [
      "whose members stand in another order are one",
      true,
      { series, interval: "day" },
      { interval: "day", series },
      0,
    ],
    ["of the same day up to now are one", true, { series }, { series }, 3_600_000],
    ["of different days are two", false, { series }, { series }, 86_400_000],
    [
      "by the minute are one within a minute",
      true,
      { series, from: "2026-11-22", interval: "minute" },
      { series, from: "2026-11-22", interval: "minute" },
      30_000,
    ],
    [
      "by the minute are two in two minutes",
      false,
      { series, from: "2026-11-22", interval: "minute" },
      { series, from: "2026-11-22", interval: "minute" },
      60_000,
    ],
    [
      "of a closed range are one for ever",
      true,
      { series, from: "2026-10-01", to: "2026-10-31" },
      { series, from: "2026-10-01", to: "2026-10-31" },
      9e9,
    ],
    ["of other time zones are two", false, { series }, { series, timezone: "Europe/Amsterdam" }, 0],
    ["with other filters are two", false, { series }, { series, filters: [{ cohort: "c" }] }, 0],
  ];
  it.each(cases)("%s", (_, same, left, right, laterMs) => {
    expect(name(left)?.name === name(right, nowMs + laterMs)?.name).toBe(same);
  });

  it("of two projects are two", () => {
    expect(name({ series })?.name).not.toBe(name({ series }, nowMs, 2)?.name);
  });
});

it("says whether a range ends now", () => {
  expect(name({ series })?.endsNow).toBe(true);
  expect(name({ series, from: "2026-10-01", to: "2026-10-31" })?.endsNow).toBe(false);
  // Its end is this very moment, but it stays there.
  expect(name({ series, to: nowMs })?.name).not.toBe(name({ series })?.name);
});

it("knows no name for a comparison with a period that moves with the clock", () => {
  expect(name({ series, compare: true })).toBeUndefined();
  expect(name({ series, compare: true, from: "2026-10-01", to: "2026-10-31" })).toBeDefined();
});
