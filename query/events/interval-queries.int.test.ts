// What retention, stickiness and lifecycle mean, a test a sentence, through the tier's service: docs/guides/retention.md
// says the same in prose. Every case is a project of its own.
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { LifecycleAnswer } from "#schemas/query/lifecycle.ts";
import type { RetentionAnswer, RetentionRow, RetentionUsersAnswer } from "#schemas/query/retention.ts";
import type { StickinessAnswer } from "#schemas/query/stickiness.ts";
import { lifecycleCases, stickinessCases } from "../testing/activity-cases.ts";
import { june, type Case } from "../testing/interval-case.ts";
import {
  breakdownCases,
  cohortsCase,
  usersCase,
  type BreakdownCase,
} from "../testing/retention-breakdown-cases.ts";
import { retentionCases } from "../testing/retention-cases.ts";
import { storeCases } from "../testing/store-cases.ts";
import { errorOf, startTestTier, type TestTier } from "../testing/test-tier.ts";

const all = [
  ...retentionCases,
  ...breakdownCases,
  ...stickinessCases,
  ...lifecycleCases,
  usersCase,
  cohortsCase,
];

let tier: TestTier;
let projectOf: (each: (typeof all)[number]) => number;

beforeAll(async () => {
  tier = await startTestTier(inject("servers").postgresUrl);
  projectOf = await storeCases(tier, all);
});

afterAll(() => tier.stop());

const retention = (each: Case | BreakdownCase, query: object): Promise<RetentionAnswer> =>
  tier.call("retention", query, projectOf(each)) as Promise<RetentionAnswer>;
const triangle = (rows: readonly RetentionRow[]): number[][] => rows.map(({ returned }) => returned);

describe("retention", () => {
  for (const each of retentionCases) {
    const { sentence } = each;
    it(sentence, async () => {
      const { cohorts } = await retention(each, each.query);
      expect(triangle(cohorts)).toEqual(each.expected);
      expect(cohorts.map(({ size }) => size)).toEqual(cohorts.map(({ returned }) => returned[0]));
    });
  }

  for (const each of breakdownCases) {
    const { sentence } = each;
    it(sentence, async () => {
      const { cohorts, breakdowns = [] } = await retention(each, each.query);
      expect(breakdowns.map((table) => [table.value, triangle(table.cohorts)])).toEqual(
        Object.entries(each.expected),
      );
      // Buckets add up to the whole, which is the same as without a breakdown.
      const whole = await retention(each, { ...each.query, breakdown: undefined });
      expect(cohorts).toEqual(whole.cohorts);
      expect(triangle(cohorts)).toEqual(
        triangle(cohorts).map((row, at) =>
          row.map((_, column) =>
            breakdowns.reduce((sum, table) => sum + (table.cohorts[at]?.returned[column] ?? 0), 0),
          ),
        ),
      );
    });
  }

  it(`${cohortsCase.sentence}`, async () => {
    const answer = await retention(cohortsCase, cohortsCase.query);
    expect(triangle(answer.cohorts)).toEqual([[3, 1, 0], [1, 0], [0]]);
    expect(answer.breakdowns?.map(({ value, cohorts }) => [value, triangle(cohorts)])).toEqual(
      Object.entries(cohortsCase.expected),
    );
  });

  it("rows carry the start of their local interval, and the answer says where it came from", async () => {
    const query = { ...june, timezone: "Europe/Amsterdam", explain: true };
    const answer = await retention(retentionCases[0] as Case, query);
    expect(answer.cohorts.map(({ start }) => start)).toEqual([
      "2026-06-09T22:00:00.000Z",
      "2026-06-10T22:00:00.000Z",
      "2026-06-11T22:00:00.000Z",
    ]);
    expect(answer.meta).toMatchObject({ source: "rollup_hour", exact: true });
    expect(JSON.stringify(answer.explain)).toContain("ReadFromMergeTree");
    expect((await retention(retentionCases[0] as Case, june)).meta.source).toBe("rollup_day");
  });

  it("without `from` the last row is the interval that holds now", async () => {
    const { cohorts } = await retention(usersCase, { target: {}, period: "month", periods: 4 });
    const month = new Date();
    expect(cohorts).toHaveLength(4);
    expect(cohorts[3]?.start).toBe(
      new Date(Date.UTC(month.getUTCFullYear(), month.getUTCMonth(), 1)).toISOString(),
    );
  });
});

describe("retention/users", () => {
  const users = (query: object): Promise<RetentionUsersAnswer> =>
    tier.call("retention_users", query, projectOf(usersCase)) as Promise<RetentionUsersAnswer>;

  it(`${usersCase.sentence}`, async () => {
    const answer = await users(usersCase.query);
    expect(answer.users).toEqual(usersCase.expected);
    expect(answer.next).toBeNull();
  });

  it("cumulative does not change the list, min_occurrences does", async () => {
    expect((await users({ ...usersCase.query, cumulative: true })).users).toEqual(usersCase.expected);
    const twice = await users({ ...usersCase.query, min_occurrences: 2 });
    expect(twice.users.map(({ returned }) => returned)).toEqual([[0], [0], [0]]);
  });

  it("comes in pages that name everybody once", async () => {
    const first = await users({ ...usersCase.query, limit: 2 });
    expect(first.users.map(({ user }) => user)).toEqual(["u1", "u2"]);
    const second = await users({ ...usersCase.query, limit: 2, cursor: first.next });
    expect(second.users.map(({ user }) => user)).toEqual(["u3"]);
    expect(second.next).toBeNull();
  });

  it("the last row has nobody who could return later", async () => {
    expect((await users({ ...usersCase.query, periods: 2, row: 1 })).users).toEqual([
      { user: "u5", returned: [0] },
    ]);
  });
});

describe("stickiness", () => {
  for (const each of stickinessCases) {
    const { sentence } = each;
    it(sentence, async () => {
      const answer = (await tier.call("stickiness", each.query, projectOf(each))) as StickinessAnswer;
      expect(
        answer.series[0]?.counts.map(({ intervals, users, users_at_least }) => [
          intervals,
          users,
          users_at_least,
        ]),
      ).toEqual(each.expected);
    });
  }

  it("answers several series at once", async () => {
    const query = { from: "2026-06-10", to: "2026-06-12", series: [{ event: "a" }, { label: "all" }] };
    const answer = (await tier.call(
      "stickiness",
      query,
      projectOf(stickinessCases[0] as Case),
    )) as StickinessAnswer;
    expect(answer.series.map(({ label, counts, total }) => [label, counts[1]?.users, total])).toEqual([
      ["a", 1, 3],
      ["all", 2, 3],
    ]);
  });
});

describe("lifecycle", () => {
  for (const each of lifecycleCases) {
    const { sentence } = each;
    it(sentence, async () => {
      const answer = (await tier.call("lifecycle", each.query, projectOf(each))) as LifecycleAnswer;
      expect(answer).toMatchObject(each.expected as object);
      expect(answer.buckets).toHaveLength(answer.new.length);
    });
  }
});

describe("what cannot be answered is refused with the field's name", () => {
  const cases: { method: string; query: object; path: string }[] = [
    { method: "retention", query: { ...june, target: undefined }, path: "target" },
    {
      method: "retention",
      query: { ...june, breakdown: { cohorts: ["gone"] } },
      path: "breakdown.cohorts[0]",
    },
    { method: "retention_users", query: { ...june, row: 3 }, path: "row" },
    { method: "stickiness", query: { from: "1990-01-01", interval: "hour" }, path: "interval" },
    { method: "lifecycle", query: { filters: [{ cohort: "gone" }] }, path: "filters[0].cohort" },
  ];
  for (const { method, query, path } of cases) {
    it(`${method}: ${path}`, async () => {
      const error = await errorOf(tier.call(method, query));
      expect([error.code, error.details]).toMatchObject(["INVALID_QUERY", [{ path }]]);
    });
  }
});
