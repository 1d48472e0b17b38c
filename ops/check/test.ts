// What `npm test` runs: the check, then the unit, integration and end-to-end tests, each kind in a vitest run of
// its own so that the servers of one are gone before the next starts. Ends with one line: "N passed, N failed".
//
//   npm test                       everything
//   npm test -- unit int           only these kinds (check, unit, int, e2e)
//   npm test -- query/trends       only tests whose path contains this; other options go to vitest as they are

import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { projectRoot } from "./project-files.ts";
import { runChecks } from "./run.ts";
import {
  buildSummaryLine,
  countResults,
  describeFailures,
  type TestCounts,
  type VitestReport,
} from "./test-counts.ts";

const KINDS = ["check", "unit", "int", "e2e"] as const;
type Kind = (typeof KINDS)[number];

const isKind = (argument: string): argument is Kind => (KINDS as readonly string[]).includes(argument);

/** Runs what `args` selects and prints the counts; the returned exit code is 0 only when nothing failed. */
export async function runTests(args: string[]): Promise<number> {
  const named = KINDS.filter((kind) => args.includes(kind));
  const vitestArgs = args.filter((argument) => !isKind(argument));
  // Somebody who names a file wants that file's result, not half a minute of checks before it.
  const everyKind = vitestArgs.length === 0 ? KINDS : KINDS.filter((kind) => kind !== "check");
  const kinds = named.length > 0 ? named : everyKind;

  const counts: TestCounts[] = [];
  const failures: string[] = [];
  for (const kind of kinds) {
    const started = performance.now();
    console.log(`\n── ${kind} ${"─".repeat(60 - kind.length)}`);
    const found = kind === "check" ? await countChecks() : await runVitest(kind, vitestArgs, failures);
    counts.push(found);
    console.log(`── ${kind}: ${((performance.now() - started) / 1000).toFixed(1)} s`);
  }
  // Once more at the end: a failure among thousands of lines is what a reader looks for.
  if (failures.length > 0) console.log(`\n── failed ${"─".repeat(54)}\n${failures.join("\n\n")}`);
  const { line, failed } = buildSummaryLine(counts);
  console.log(`\n${line}`);
  return failed ? 1 : 0;
}

async function countChecks(): Promise<TestCounts> {
  const { passed, failed } = await runChecks();
  return { passed, failed, skipped: 0 };
}

async function runVitest(kind: Kind, vitestArgs: string[], failures: string[]): Promise<TestCounts> {
  const folder = mkdtempSync(join(tmpdir(), "millrace-test-"));
  const reportFile = join(folder, "report.json");
  const cli = join(projectRoot, "node_modules/vitest/vitest.mjs");
  const args = [cli, "run", "--project", kind, "--passWithNoTests", ...vitestArgs];
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${reportFile}`];
  try {
    const exitCode = await waitForExit([...args, ...reporters]);
    const report = readReport(reportFile);
    failures.push(...describeFailures(report));
    return countResults(report, exitCode);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function waitForExit(args: string[]): Promise<number> {
  const child = spawn(process.execPath, args, { cwd: projectRoot, stdio: ["ignore", "inherit", "inherit"] });
  // Ctrl-C reaches vitest by itself, and it then stops the servers it started: wait for that.
  const onInterrupt = () => undefined;
  const onTerminate = () => child.kill("SIGTERM");
  process.on("SIGINT", onInterrupt);
  process.on("SIGTERM", onTerminate);
  return new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => resolve(code ?? 1));
  }).finally(() => {
    process.off("SIGINT", onInterrupt);
    process.off("SIGTERM", onTerminate);
  });
}

function readReport(file: string): VitestReport | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as VitestReport;
  } catch {
    // Vitest died, or its global setup failed, before it wrote one: the exit code speaks.
    return undefined;
  }
}
