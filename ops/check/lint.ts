// Runs oxlint with its type-aware rules (rules: .oxlintrc.json). First on a canary folder that breaks the rules
// we lean on most: without oxlint-tsgolint, or with a renamed rule, oxlint finds nothing and says all is well.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { projectRoot } from "./project-files.ts";

const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

/** A file that breaks exactly the rule it stands under. */
const CANARIES: { rule: string; file: string; source: string }[] = [
  {
    rule: "typescript(no-floating-promises)",
    file: "floats.ts",
    source: "export const publish = async () => 1;\nexport function lose() {\n  publish();\n}\n",
  },
  {
    rule: "typescript(no-misused-promises)",
    file: "misuses.ts",
    source: "const accepts = async () => true;\nexport const wrong = () => (accepts() ? 1 : 2);\n",
  },
  {
    rule: "typescript(await-thenable)",
    file: "awaits.ts",
    source: "export const one = await (1 as number);\n",
  },
  { rule: "typescript(no-explicit-any)", file: "any.ts", source: "export const value: any = 1;\n" },
  {
    rule: "import(no-cycle)",
    file: "cycle.ts",
    source: 'import { b } from "./back.ts";\nexport const a = () => b;\n',
  },
  {
    rule: "import(no-cycle)",
    file: "back.ts",
    source: 'import { a } from "./cycle.ts";\nexport const b = () => a;\n',
  },
  { rule: "oxc(no-barrel-file)", file: "barrel.ts", source: 'export * from "./floats.ts";\n' },
  {
    rule: "vitest(no-focused-tests)",
    file: "focus.test.ts",
    source: 'import { it, expect } from "vitest";\nit.only("runs alone", () => expect(1).toBe(1));\n',
  },
];

type Diagnostic = { code: string; filename: string };

function runOxlint(cwd: string, args: string[]): { status: number; output: string } {
  const cli = join(projectRoot, "node_modules/oxlint/bin/oxlint");
  const config = join(projectRoot, ".oxlintrc.json");
  const run = spawnSync(process.execPath, [cli, "-c", config, "--disable-nested-config", ...args], {
    cwd,
    // oxlint finds the type-aware half of itself, tsgolint, through the PATH.
    env: {
      ...process.env,
      PATH: [join(projectRoot, "node_modules/.bin"), process.env["PATH"]].join(delimiter),
    },
    encoding: "utf8",
    maxBuffer: OUTPUT_BYTES_MAX,
  });
  return { status: run.status ?? 1, output: run.stdout + run.stderr };
}

function findCanaryFaults(): string[] {
  const folder = mkdtempSync(join(tmpdir(), "millrace-lint-"));
  try {
    for (const { file, source } of CANARIES) writeFileSync(join(folder, file), source);
    writeFileSync(join(folder, "package.json"), '{ "name": "canary", "type": "module" }\n');
    writeFileSync(
      join(folder, "tsconfig.json"),
      '{ "compilerOptions": { "module": "nodenext", "target": "es2024", "strict": true, "noEmit": true, "allowImportingTsExtensions": true } }\n',
    );
    const { output } = runOxlint(folder, ["--format", "json"]);
    if (!output.startsWith("{")) return [`oxlint did not run on the canaries:\n${output}`];
    const { diagnostics } = JSON.parse(output) as { diagnostics: Diagnostic[] };
    return CANARIES.filter(
      ({ rule, file }) => !diagnostics.some((found) => found.code === rule && found.filename.endsWith(file)),
    ).map(({ rule, file }) => `oxlint does not report ${rule} in the canary ${file}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const canaryFaults = findCanaryFaults();
for (const fault of canaryFaults) console.log(fault);
const { status, output } = runOxlint(projectRoot, []);
console.log(output.trimEnd());
process.exitCode = status === 0 && canaryFaults.length === 0 ? 0 : 1;
