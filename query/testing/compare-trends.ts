// For tests: an answer of trends against what the reference expects.
import { expect } from "vitest";
import type { TrendsAnswerSeries } from "#schemas/query/trends.ts";
import { isZeroWhenEmpty } from "../events/trends/aggregate-sql.ts";
import type { ExpectedLine } from "./trends-reference.ts";

/** `what` names the case in what a failure prints. */
export function expectTrends(
  got: readonly TrendsAnswerSeries[],
  expected: readonly ExpectedLine[],
  what: string,
): void {
  expect(
    got.map((series) => [series.label, series.breakdown, series.compare ?? false]),
    what,
  ).toEqual(expected.map(({ line, period, series }) => [series.label, line.breakdown, period.compare]));
  got.forEach((answered, at) => {
    const { line, period, series } = expected[at] as ExpectedLine;
    expect(answered.buckets, what).toEqual(
      period.buckets.startsMs.map((start) => new Date(start).toISOString()),
    );
    const empty = isZeroWhenEmpty(series.math) ? 0 : null;
    answered.values.forEach((value, bucket) =>
      expectClose(value, line.values[bucket] ?? empty, `${what} bucket ${bucket}`),
    );
    expectClose(answered.total, line.total, `${what} total of ${answered.label}`);
  });
}

function expectClose(got: number | null | undefined, expected: number | null, what: string): void {
  if (got === null || got === undefined || expected === null) {
    expect(got, what).toBe(expected);
    return;
  }
  expect(Math.abs(got - expected), `${what}: got ${got}, expected ${expected}`).toBeLessThanOrEqual(
    1e-9 * Math.max(1, Math.abs(expected)),
  );
}
