// Adds up vitest's reports. What fails without a failed test (a file that cannot be imported, servers that do not
// start, an unhandled rejection) must show in the count too, so that "0 failed" always means success.

export type TestCounts = { passed: number; failed: number; skipped: number };

/** The part of vitest's JSON report that we read. */
export type VitestReport = {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  testResults: {
    status: string;
    name?: string;
    message?: string;
    assertionResults: { status: string; fullName?: string; failureMessages?: string[] }[];
  }[];
};

// Enough to see what was expected and where; the whole of it stands further up in the output.
const FAILURE_LINES_MAX = 12;

/** @param exitCode vitest's own; not 0 with no failure in the report counts as one failure. */
export function countResults(report: VitestReport | undefined, exitCode: number): TestCounts {
  if (report === undefined) return { passed: 0, failed: exitCode === 0 ? 0 : 1, skipped: 0 };
  const filesWithoutResult = report.testResults.filter(
    ({ status, assertionResults }) =>
      status === "failed" && !assertionResults.some((result) => result.status === "failed"),
  ).length;
  const failed = report.numFailedTests + filesWithoutResult;
  return {
    passed: report.numPassedTests,
    failed: failed === 0 && exitCode !== 0 ? 1 : failed,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

/** A text for each failed test, and for each file without a result: where, which and the beginning of why. */
export function describeFailures(report: VitestReport | undefined): string[] {
  return (report?.testResults ?? []).flatMap(({ status, name = "?", message = "", assertionResults }) => {
    const failed = assertionResults.filter((result) => result.status === "failed");
    if (failed.length === 0) return status === "failed" ? [describeFailure(name, message)] : [];
    return failed.map(({ fullName = "?", failureMessages = [] }) =>
      describeFailure(`${name} > ${fullName}`, failureMessages.join("\n")),
    );
  });
}

const describeFailure = (where: string, why: string): string =>
  [
    where,
    ...why
      .trim()
      .split("\n")
      .slice(0, FAILURE_LINES_MAX)
      .map((line) => `    ${line}`),
  ].join("\n");

/** The last line of a run. Running nothing at all is a failure: it proves nothing. */
export function buildSummaryLine(counts: TestCounts[]): { line: string; failed: boolean } {
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const { passed, failed, skipped } of counts) {
    total.passed += passed;
    total.failed += failed;
    total.skipped += skipped;
  }
  const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : "";
  return {
    line: `${total.passed} passed, ${total.failed} failed${skipped}`,
    failed: total.failed > 0 || total.passed === 0,
  };
}
