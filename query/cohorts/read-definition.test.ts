import { describe, expect, it } from "vitest";
import { MillraceError } from "#schemas/errors.ts";
import type { FieldProblem } from "#schemas/query/check.ts";
import { instantMsMax, instantMsMin } from "../time/instants.ts";
import { readDefinition } from "./read-definition.ts";

const nowMs = Date.UTC(2026, 10, 22, 12);
const dayMs = 86_400_000;

const read = (definition: unknown): ReturnType<typeof readDefinition> =>
  readDefinition(definition, "definition", nowMs);

function problemsOf(definition: unknown): string[] {
  try {
    read(definition);
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code !== "INVALID_QUERY") throw error;
    return (error.details as FieldProblem[]).map(({ path, message }) => `${path} ${message}`);
  }
  return [];
}

const nested = (levels: number): unknown => (levels === 1 ? { did: {} } : { not: nested(levels - 1) });

describe("what is wrong is named by its path", () => {
  const cases: { name: string; input: unknown; expected: string[] }[] = [
    { name: "no object", input: 3, expected: ["definition must be an object with one of and, or,"] },
    {
      name: "no condition",
      input: {},
      expected: ["definition must have one of and, or, not, did, did_not,"],
    },
    {
      name: "two conditions",
      input: { did: {}, did_not: {} },
      expected: ["definition has both did and did_not; a condition has one"],
    },
    {
      name: "a field beside the condition",
      input: { and: [{ did: {}, days: 3 }] },
      expected: ["definition.and[0].days is not a known field"],
    },
    { name: "an empty list", input: { or: [] }, expected: ["definition.or must be a list of at least one"] },
    { name: "no list", input: { and: { did: {} } }, expected: ["definition.and must be a list of at least"] },
    {
      name: "several at once",
      input: { and: [{ did: { event: 3 } }, { not: { did: { at_least: 0 } } }, { first_seen: {} }] },
      expected: [
        "definition.and[0].did.event has a value of a kind that is not allowed here",
        "definition.and[1].not.did.at_least expected integer to be greater or equal to 1",
        "definition.and[2].first_seen.days is required, unless `from` or `to` is given",
      ],
    },
    {
      name: "an unknown field of did",
      input: { did_not: { name: "x" } },
      expected: ["definition.did_not.name is not a known field"],
    },
    {
      name: "at most less than at least",
      input: { did: { at_least: 3, at_most: 2 } },
      expected: ["definition.did.at_most must not be less than `at_least`"],
    },
    {
      name: "two windows",
      input: { did: { days: 3, from: "2026-01-01" } },
      expected: ["definition.did.days must not be given beside `from` or `to`"],
    },
    {
      name: "a half day",
      input: { did: { days: 0.5 } },
      expected: ["definition.did.days expected integer"],
    },
    {
      name: "an instant that is none",
      input: { or: [{ first_seen: { from: "soon" } }] },
      expected: ["definition.or[0].first_seen.from must be an ISO 8601 time"],
    },
    {
      name: "an unknown zone",
      input: { did: { from: "2026-01-01", timezone: "Mars/Olympus" } },
      expected: ["definition.did.timezone is not an IANA time zone"],
    },
    {
      name: "a window that ends before it begins",
      input: { did: { from: "2026-02-01", to: "2026-01-01" } },
      expected: ["definition.did.from must not be later than `to`"],
    },
    {
      name: "a filter without a value",
      input: {
        did: {
          filters: [
            { property: "a", operator: "is_set" },
            { property: "a", operator: "eq" },
          ],
        },
      },
      expected: ["definition.did.filters[1].value is required for eq"],
    },
    {
      name: "a filter with an unknown operator",
      input: { did: { filters: [{ property: "a", operator: "like", value: 1 }] } },
      expected: ["definition.did.filters[0].operator must be one of eq,"],
    },
    {
      name: "a property without a value",
      input: { and: [{ property: "plan", operator: "eq", on: "user" }] },
      expected: ["definition.and[0].value is required for eq"],
    },
    {
      name: "a property of nobody",
      input: { property: "plan", operator: "is_set", on: "group" },
      expected: ["definition.on must be one of event, user"],
    },
    {
      name: "a cohort that is no id",
      input: { not: { cohort: 3 } },
      expected: ["definition.not.cohort expected string"],
    },
    {
      name: "levels",
      input: nested(11),
      expected: ["definition.not.not.not.not.not.not.not.not.not.not is"],
    },
    {
      name: "conditions",
      input: { or: Array.from({ length: 100 }, () => ({ did: {} })) },
      expected: ["definition.or[99] is one condition more than the 100 allowed"],
    },
  ];
  for (const { name, input, expected } of cases) {
    it(name, () => {
      const problems = problemsOf(input);
      expect(problems).toHaveLength(expected.length);
      problems.forEach((problem, index) => expect(problem).toContain(expected[index]));
    });
  }

  it("all filters of a definition are bounded together", () => {
    const filters = Array.from({ length: 60 }, () => ({ property: "a", operator: "is_set" }));
    expect(problemsOf({ did: { filters } })).toEqual([]);
    expect(problemsOf({ and: [{ did: { filters } }, { did: { filters } }] })[0]).toMatch(/has 120 filters/);
  });
});

describe("what is right", () => {
  it("takes as many levels and conditions as allowed", () => {
    expect(problemsOf(nested(10))).toEqual([]);
    expect(problemsOf({ or: Array.from({ length: 99 }, () => ({ did: {} })) })).toEqual([]);
  });

  it("reads the last days as so many times 24 hours before the refresh", () => {
    expect(read({ did: { event: "a", days: 30 } }).root).toEqual({
      kind: "did",
      selector: { event: "a", filters: [] },
      atLeast: 1,
      atMost: undefined,
      window: { fromMs: nowMs - 30 * dayMs, endMs: nowMs + 1 },
    });
  });

  it("reads dates in the given zone, whole", () => {
    const { root } = read({
      first_seen: { from: "2026-03-29", to: "2026-03-29", timezone: "Europe/Amsterdam" },
    });
    // A day of 23 hours.
    expect(root).toMatchObject({
      window: { fromMs: Date.UTC(2026, 2, 28, 23), endMs: Date.UTC(2026, 2, 29, 22) },
    });
  });

  it("looks at everything where no window is given", () => {
    expect(read({ did: {} }).root).toMatchObject({
      window: { fromMs: instantMsMin, endMs: instantMsMax + 1 },
      selector: { event: null },
    });
  });

  it("names the cohorts that are used, in conditions and in filters", () => {
    const { cohortsUsed } = read({
      and: [{ cohort: "c1", negate: true }, { did: { filters: [{ or: [{ cohort: "c2" }] }] } }],
    });
    expect(cohortsUsed).toEqual([
      { id: "c1", path: "definition.and[0].cohort" },
      { id: "c2", path: "definition.and[1].did.filters[0].or[0].cohort" },
    ]);
  });
});
