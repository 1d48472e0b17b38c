// For tests: each sentence about retention's breakdowns and lists of users, with the smallest events that tell it.
import { day, june, type Case } from "./interval-case.ts";

export interface BreakdownCase extends Omit<Case, "expected"> {
  readonly expected: Record<string, number[][]>;
}

const byCountry = { ...june, breakdown: { property: "country" } };
export const breakdownCases: BreakdownCase[] = [
  {
    sentence: "a breakdown's value is fixed by the person's target event of that row",
    given: [
      ["u1", "a", day(10), { country: "NL" }],
      ["u1", "a", day(11), { country: "DE" }],
      ["u1", "a", day(12), { country: "FR" }],
      ["u2", "a", day(12), { country: "FR" }],
    ],
    query: byCountry,
    expected: {
      FR: [[0, 0, 0], [0, 0], [2]],
      DE: [[0, 0, 0], [1, 1], [0]],
      NL: [[1, 1, 1], [0, 0], [0]],
    },
  },
  {
    sentence:
      "every person is in one bucket: the earliest target event of the row decides, a missing value is $none",
    given: [
      ["u1", "a", day(10, "02:00"), { country: "NL" }],
      ["u1", "a", day(10, "01:00"), { country: "DE" }],
      ["u2", "a", day(10, "02:00"), { country: "NL" }],
      ["u2", "a", day(10, "01:00")],
      ["u2", "a", day(12), { country: "DE" }],
    ],
    query: byCountry,
    expected: {
      DE: [[1, 0, 0], [0, 0], [1]],
      $none: [[1, 0, 1], [0, 0], [0]],
    },
  },
  {
    sentence: "first_time: the person's first target event ever decides",
    given: [
      ["u1", "a", day(11, "02:00"), { country: "NL" }],
      ["u1", "a", day(11, "01:00"), { country: "DE" }],
      ["u1", "a", day(12), { country: "NL" }],
      ["u2", "a", day(1), { country: "NL" }],
      ["u2", "a", day(11), { country: "NL" }],
    ],
    query: { ...byCountry, type: "first_time" },
    expected: { DE: [[0, 0, 0], [1, 1], [0]] },
  },
  {
    sentence: "the earliest target event of any id of the person decides",
    given: [
      ["u1", "a", day(10, "02:00"), { country: "NL" }],
      ["u2", "a", day(10, "01:00"), { country: "DE" }],
    ],
    joined: [["u2", "u1"]],
    query: byCountry,
    expected: { DE: [[1, 0, 0], [0, 0], [0]] },
  },
  {
    sentence: "values beyond the limit, by people over all rows, are $other",
    given: [
      ["u1", "a", day(10), { country: "NL" }],
      ["u2", "a", day(10), { country: "NL" }],
      ["u3", "a", day(10), { country: "DE" }],
      ["u3", "a", day(11), { country: "DE" }],
      ["u3", "a", day(12), { country: "DE" }],
      ["u4", "a", day(10), { country: "FR" }],
    ],
    query: { ...byCountry, breakdown: { property: "country", limit: 1 } },
    expected: {
      DE: [[1, 1, 1], [1, 1], [1]],
      $other: [[3, 0, 0], [0, 0], [0]],
    },
  },
  {
    sentence: "on user: the value the person has now",
    given: [
      ["u1", "a", day(10), { plan: "wrong" }],
      ["u2", "a", day(10)],
      ["u2", "a", day(11)],
      ["u3", "a", day(10)],
    ],
    setPlan: [
      ["u1", "pro"],
      ["u2", "pro"],
    ],
    query: { ...june, breakdown: { property: "plan", on: "user" } },
    expected: {
      pro: [[2, 1, 0], [1, 0], [0]],
      $none: [[1, 0, 0], [0, 0], [0]],
    },
  },
];

export const usersCase: Case = {
  sentence: "users of one row: offsets of the intervals in which each returned",
  given: [
    ["u1", "a", day(10)],
    ["u1", "b", day(11)],
    ["u1", "b", day(13)],
    ["u2", "a", day(10)],
    ["u3", "a", day(10)],
    ["u4", "b", day(13)],
    ["u5", "a", day(11)],
  ],
  joined: [["u4", "u2"]],
  query: { ...june, periods: 4, returning: { event: "b" }, row: 0 },
  expected: [
    { user: "u1", returned: [0, 1, 3] },
    { user: "u2", returned: [0, 3] },
    { user: "u3", returned: [0] },
  ],
};

export const cohortsCase: BreakdownCase = {
  sentence: "one table for each cohort, of its members",
  given: [
    ["u1", "a", day(10)],
    ["u1", "a", day(11)],
    ["u2", "a", day(10)],
    ["u3", "a", day(10)],
  ],
  cohorts: [
    ["ones", ["u1"]],
    ["few", ["u1", "u3", "u9"]],
  ],
  query: { ...june, breakdown: { cohorts: ["ones", "few"] } },
  expected: {
    ones: [[1, 1, 0], [1, 0], [0]],
    few: [[2, 1, 0], [1, 0], [0]],
  },
};
