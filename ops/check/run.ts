// `npm run check`: everything that can be known without running the product. Prints one line a step; the output
// of a tool is shown only when it found something, and the other steps still run.

import { spawn } from "node:child_process";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { stripVTControlCharacters } from "node:util";
import { projectRoot } from "./project-files.ts";

type Step = { name: string; what: string; args: string[] };
type StepResult = { step: Step; passed: boolean; seconds: number; output: string };

export type CheckSummary = { passed: number; failed: number };

const tool = (path: string) => join(projectRoot, "node_modules", path);
const script = (name: string) => join(projectRoot, "ops/check", name);

const STEPS: Step[] = [
  {
    name: "types",
    what: "tsc --noEmit",
    args: [
      tool("typescript/bin/tsc"),
      ...["--noEmit", "--project", projectRoot],
      ...["--incremental", "--tsBuildInfoFile", tool(".cache/millrace-check.tsbuildinfo")],
    ],
  },
  {
    name: "format",
    what: "prettier --check",
    args: [
      tool("prettier/bin/prettier.cjs"),
      ...["--check", ".", "--log-level", "warn", "--cache"],
      ...["--cache-location", tool(".cache/millrace-prettier")],
    ],
  },
  { name: "lint", what: "oxlint with types, canaries", args: [script("lint.ts")] },
  { name: "layers", what: "dependency-cruiser, canaries", args: [script("layers.ts")] },
  {
    name: "dead code",
    what: "knip",
    args: [tool("knip/bin/knip.js"), "--no-progress", "--no-config-hints"],
  },
];

// Two, because the machines we promise the time for have two cores.
const STEPS_AT_ONCE = 2;
const OUTPUT_CHARACTERS_MAX = 200_000;

function runStep(step: Step): Promise<StepResult> {
  const started = performance.now();
  return new Promise((resolve) => {
    const child = spawn(process.execPath, step.args, {
      cwd: projectRoot,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    const collect = (chunk: Buffer) => {
      if (output.length < OUTPUT_CHARACTERS_MAX) output += chunk.toString();
    };
    child.stdout.on("data", collect);
    child.stderr.on("data", collect);
    const finish = (passed: boolean) => {
      resolve({ step, passed, seconds: (performance.now() - started) / 1000, output });
    };
    child.once("error", (error) => {
      output += String(error);
      finish(false);
    });
    child.once("close", (code) => finish(code === 0));
  });
}

/** Runs every step, two at a time, and prints a line for each; never throws for what a step finds. */
export async function runChecks(): Promise<CheckSummary> {
  const started = performance.now();
  const waiting = [...STEPS];
  const summary: CheckSummary = { passed: 0, failed: 0 };
  const takeSteps = async () => {
    for (let step = waiting.shift(); step; step = waiting.shift()) {
      const { passed, seconds, output } = await runStep(step);
      console.log(
        `${passed ? "✓" : "✗"} ${step.name.padEnd(10)} ${seconds.toFixed(1).padStart(5)} s  ${step.what}`,
      );
      if (!passed) console.log(stripVTControlCharacters(output).trimEnd().replace(/^/gm, "    "));
      summary[passed ? "passed" : "failed"] += 1;
    }
  };
  await Promise.all(Array.from({ length: STEPS_AT_ONCE }, takeSteps));
  const total = ((performance.now() - started) / 1000).toFixed(1);
  console.log(
    summary.failed === 0
      ? `check: all ${summary.passed} steps passed in ${total} s`
      : `check: ${summary.failed} of ${STEPS.length} steps failed, ${total} s`,
  );
  return summary;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const { failed } = await runChecks();
  process.exitCode = failed === 0 ? 0 : 1;
}
