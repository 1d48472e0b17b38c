import { describe, expect, it } from "vitest";
import { simulateTrend, type Quiet } from "../testing/simulate-trend.ts";
import { AnomalyDetector } from "./detect-anomaly.ts";
import { judgeAnomaly, type Verdict } from "./judge-bucket.ts";
import { Weeks, type Series } from "./weeks.ts";

const week = 168;
const quiet: Quiet = {
  seed: 1,
  interval: "hour",
  weeks: 12,
  level: 200,
  noise: 0.08,
  dayNoise: 0.05,
  growth: 0,
};
const anomaly = { type: "anomaly" } as const;

function verdicts(series: Series, from: number, to: number, options: { counts?: boolean } = {}): Verdict[] {
  const detector = new AnomalyDetector(new Weeks(series, "UTC"), "hour", options.counts ?? true);
  return Array.from(
    { length: to - from },
    (_, index) => judgeAnomaly(anomaly, detector, from + index).verdict,
  );
}

describe("what was planted is found", () => {
  // A Tuesday afternoon of the eleventh week.
  const at = 10 * week + 24 + 15;
  const cases: { name: string; factor: number; level: number; expected: Verdict }[] = [
    { name: "a spike to three times", factor: 3, level: 200, expected: "breach" },
    { name: "a dip to a fifth", factor: 0.2, level: 200, expected: "breach" },
    { name: "an outage", factor: 0, level: 200, expected: "breach" },
    { name: "an outage where thirty are usual", factor: 0, level: 30, expected: "breach" },
    { name: "nothing where one is usual", factor: 0, level: 1, expected: "normal" },
    { name: "a tenth more", factor: 1.1, level: 200, expected: "normal" },
    { name: "ten times of a few", factor: 10, level: 3, expected: "breach" },
  ];
  for (const { name, factor, level, expected } of cases) {
    it.each([1, 2, 3])(`${name} (seed %d)`, (seed) => {
      const series = simulateTrend({ ...quiet, seed, level }, (mean, position) =>
        position === at ? mean * factor : mean,
      );
      expect(verdicts(series, at, at + 1)).toEqual([expected]);
      // The hour after is as ever: the incident ends.
      expect(verdicts(series, at + 1, at + 2)).toEqual(["normal"]);
    });
  }

  it("an outage of two days is one all the time that people are awake", () => {
    const series = simulateTrend(quiet, (mean, position) =>
      position >= at && position < at + 48 ? 0 : mean,
    );
    const found = verdicts(series, at, at + 48);
    expect(found.slice(0, 6)).toEqual(Array<Verdict>(6).fill("breach"));
    // Normal would say that it is over.
    expect(found).not.toContain("normal");
  });

  it("a step to half as much again is noticed, and after a day or two the new normal", () => {
    const series = simulateTrend(quiet, (mean, position) => (position >= at ? mean * 1.5 : mean));
    expect(verdicts(series, at, at + 8)).toContain("breach");
    expect(verdicts(series, at + 48, at + week - 24)).not.toContain("breach");
  });

  it("a spike last week does not hide this week's, nor makes the same hour odd", () => {
    const shape = (mean: number, position: number): number =>
      position === at || position === at - week || position === at - 2 * week ? mean * 4 : mean;
    expect(verdicts(simulateTrend(quiet, shape), at, at + 1)).toEqual(["breach"]);
    const before = (mean: number, position: number): number => (position === at - week ? mean * 4 : mean);
    expect(verdicts(simulateTrend(quiet, before), at, at + 1)).toEqual(["normal"]);
  });
});

describe("slow drift is no anomaly", () => {
  it.each([0.1, 0.05, -0.05, -0.1])("%d a week, for three weeks", (growth) => {
    const series = simulateTrend({ ...quiet, growth });
    const found = verdicts(series, 9 * week, 12 * week);
    expect(found.filter((verdict) => verdict === "breach")).toEqual([]);
  });
});

describe("too little is known", () => {
  it("before four weeks are there, counted from the first that was not empty", () => {
    const launch = 3 * week + 5;
    const series = simulateTrend(quiet, (mean, position) => (position < launch ? 0 : mean));
    expect(verdicts(series, launch + 4 * week - 10, launch + 4 * week - 9)).toEqual(["learning"]);
    expect(verdicts(series, launch + 4 * week + 48, launch + 4 * week + 49)).toEqual(["normal"]);
  });

  it("of a sum that was always zero", () => {
    const startsMs = Array.from({ length: 9 * week }, (_, index) => Date.UTC(2026, 0, 5) + index * 3_600_000);
    const values = startsMs.map((_, index) => (index === 9 * week - 1 ? 5 : 0));
    expect(verdicts({ startsMs, values }, 9 * week - 1, 9 * week, { counts: false })).toEqual(["learning"]);
  });

  it("and a bucket without a value is no dip", () => {
    const { startsMs, values } = simulateTrend(quiet);
    const gone = values.map((value, index) => (index === 10 * week ? null : value));
    expect(verdicts({ startsMs, values: gone }, 10 * week, 10 * week + 1, { counts: false })).toEqual([
      "unknown",
    ]);
  });
});

it("ratios and sums are judged by their own noise, whatever their unit", () => {
  const at = 10 * week + 40;
  const { startsMs, values } = simulateTrend({ ...quiet, level: 1000 });
  for (const unit of [0.0001, 1, 1_000_000]) {
    const scaled = values.map((value, index) => (value ?? 0) * unit * (index === at ? 2.5 : 1));
    expect(verdicts({ startsMs, values: scaled }, at - 1, at + 2, { counts: false })).toEqual([
      "normal",
      "breach",
      "normal",
    ]);
  }
});

it("the edges that are shown are where it begins to fire", () => {
  const position = 10 * week + 30;
  const series = simulateTrend(quiet);
  const judge = (value: number) => {
    const values = series.values.map((each, index) => (index === position ? value : each));
    const weeks = new Weeks({ startsMs: series.startsMs, values }, "UTC");
    return judgeAnomaly(anomaly, new AnomalyDetector(weeks, "hour", true), position);
  };
  const { low, high } = judge(200).expected as { low: number; high: number };
  expect(judge(high * 1.001).verdict).toBe("breach");
  expect(judge(high * 0.999).verdict).not.toBe("breach");
  expect(judge(low * 0.999).verdict).toBe("breach");
  expect(judge(low * 1.001).verdict).not.toBe("breach");
});

it("the same local hour is compared across a change of the clock", () => {
  const startsMs = Array.from({ length: 10 * week }, (_, index) => Date.UTC(2026, 1, 2) + index * 3_600_000);
  const hour = new Intl.DateTimeFormat("en-GB", {
    timeZone: "Europe/Amsterdam",
    hour: "2-digit",
    hourCycle: "h23",
  });
  // Only at nine in the morning something happens.
  const values = startsMs.map((start, index) =>
    Number(hour.format(start)) === 9 ? 100 + (index % 7) : 1 + (index % 3),
  );
  // Clocks changed on 29 March; the Monday after it, 9 to 10 local is 7 to 8 UTC.
  const nine = startsMs.indexOf(Date.UTC(2026, 2, 30, 7));
  const verdictIn = (zone: string): Verdict =>
    judgeAnomaly(anomaly, new AnomalyDetector(new Weeks({ startsMs, values }, zone), "hour", true), nine)
      .verdict;
  expect(verdictIn("Europe/Amsterdam")).toBe("normal");
  expect(verdictIn("UTC")).toBe("breach");
});
