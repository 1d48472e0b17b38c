import { describe, expect, it } from "vitest";
import { buildSummaryLine, countResults, describeFailures, type VitestReport } from "./test-counts.ts";

const report = (part: Partial<VitestReport>): VitestReport => ({
  numPassedTests: 0,
  numFailedTests: 0,
  numPendingTests: 0,
  numTodoTests: 0,
  testResults: [],
  ...part,
});

describe("countResults", () => {
  it.each([
    {
      name: "takes the numbers of a clean run",
      report: report({ numPassedTests: 7, numPendingTests: 1, numTodoTests: 1 }),
      exitCode: 0,
      expected: { passed: 7, failed: 0, skipped: 2 },
    },
    {
      name: "counts a file that could not be imported",
      report: report({ numPassedTests: 7, testResults: [{ status: "failed", assertionResults: [] }] }),
      exitCode: 1,
      expected: { passed: 7, failed: 1, skipped: 0 },
    },
    {
      name: "does not count a failed test twice",
      report: report({
        numFailedTests: 1,
        testResults: [{ status: "failed", assertionResults: [{ status: "failed" }] }],
      }),
      exitCode: 1,
      expected: { passed: 0, failed: 1, skipped: 0 },
    },
    {
      name: "counts an unhandled rejection that no test owns",
      report: report({ numPassedTests: 7 }),
      exitCode: 1,
      expected: { passed: 7, failed: 1, skipped: 0 },
    },
    {
      name: "counts a run that died before it could report",
      report: undefined,
      exitCode: 1,
      expected: { passed: 0, failed: 1, skipped: 0 },
    },
  ])("$name", ({ report: input, exitCode, expected }) => {
    expect(countResults(input, exitCode)).toEqual(expected);
  });
});

describe("describeFailures", () => {
  it("names the test, the file that could not be imported, and why", () => {
    const failures = describeFailures(
      report({
        testResults: [
          { status: "passed", name: "a.test.ts", assertionResults: [{ status: "passed", fullName: "fine" }] },
          { status: "failed", name: "b.test.ts", message: "no such module", assertionResults: [] },
          {
            status: "failed",
            name: "c.test.ts",
            assertionResults: [
              { status: "passed", fullName: "one" },
              { status: "failed", fullName: "two", failureMessages: ["expected 1\nto be 2"] },
            ],
          },
        ],
      }),
    );
    expect(failures).toEqual([
      "b.test.ts\n    no such module",
      "c.test.ts > two\n    expected 1\n    to be 2",
    ]);
  });

  it("has nothing to say without a report", () => {
    expect(describeFailures(undefined)).toEqual([]);
  });
});

describe("buildSummaryLine", () => {
  it("adds up the kinds", () => {
    const counts = [
      { passed: 5, failed: 0, skipped: 0 },
      { passed: 20, failed: 2, skipped: 1 },
    ];
    expect(buildSummaryLine(counts)).toEqual({ line: "25 passed, 2 failed, 1 skipped", failed: true });
  });

  it("leaves out what was not skipped", () => {
    expect(buildSummaryLine([{ passed: 3, failed: 0, skipped: 0 }])).toEqual({
      line: "3 passed, 0 failed",
      failed: false,
    });
  });

  it("fails when nothing ran", () => {
    expect(buildSummaryLine([]).failed).toBe(true);
  });
});
