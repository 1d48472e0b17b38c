// Checks who imports whom (rules: .dependency-cruiser.mjs). A canary tree, made in a temporary folder, breaks
// every rule once: a rule that does not catch its canary fails the check, so a typo in a pattern, or a parser
// that no longer reads TypeScript and finds nothing to complain about, cannot pass for a clean tree.

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { listProjectFiles, projectRoot } from "./project-files.ts";

const FOLDERS = ["schemas", "ops", "streams", "ingest", "workers", "query", "benchmarks", "grafana"];
const OUTPUT_BYTES_MAX = 256 * 1024 * 1024;

/** What must be caught: the file, and the one import that breaks the rule. */
type Canary = { rule: string; file: string; imports: string };

const CANARIES: Canary[] = [
  { rule: "schemas-is-pure", file: "schemas/impure.ts", imports: "#streams/ok.ts" },
  { rule: "schemas-does-no-io", file: "schemas/dials.ts", imports: "node:net" },
  { rule: "runtime-knows-only-schemas", file: "ops/runtime/climbs.ts", imports: "#streams/ok.ts" },
  { rule: "runtime-knows-only-schemas", file: "ops/runtime/starts.ts", imports: "../embedded/ok.ts" },
  { rule: "streams-knows-no-tier", file: "streams/climbs.ts", imports: "#workers/ok.ts" },
  { rule: "tiers-meet-in-the-log", file: "query/peeks.ts", imports: "#workers/ok.ts" },
  { rule: "tiers-meet-in-the-log", file: "ingest/peeks.ts", imports: "../query/ok.ts" },
  { rule: "domains-meet-in-the-log", file: "workers/links/peeks.ts", imports: "../events/ok.ts" },
  { rule: "nothing-imports-the-top-of-ops", file: "workers/launches.ts", imports: "#ops/embedded/ok.ts" },
  { rule: "nothing-imports-benchmarks", file: "query/measures.ts", imports: "../benchmarks/ok.ts" },
  { rule: "uwebsockets-stays-behind-ingest-server", file: "ingest/reply.ts", imports: "uWebSockets.js" },
  { rule: "no-cycles", file: "query/cycle.ts", imports: "./cycle-back.ts" },
  { rule: "imports-resolve", file: "query/lost.ts", imports: "./nowhere.ts" },
  { rule: "no-dev-dependency-in-product", file: "query/ships.ts", imports: "vitest" },
  { rule: "product-does-not-import-tests", file: "query/tested.ts", imports: "./ok.test.ts" },
  { rule: "product-does-not-import-tests", file: "query/tries.ts", imports: "./testing/ok.ts" },
];

// What the canaries reach for, and imports that are right and must not be reported.
const SOUND_FILES: Record<string, string> = {
  "schemas/ok.ts": "export type Ok = 1;\n",
  "ops/embedded/ok.ts": 'import type { Ok } from "#schemas/ok.ts";\nexport const ok: Ok = 1;\n',
  "streams/ok.ts": 'import type { Ok } from "#schemas/ok.ts";\nexport const ok: Ok = 1;\n',
  "workers/ok.ts": 'import { ok } from "#streams/ok.ts";\nexport const workersOk = ok;\n',
  "workers/events/ok.ts": 'import { ok } from "#streams/ok.ts";\nexport const eventsOk = ok;\n',
  "query/ok.ts": "export const ok = 1;\n",
  "query/testing/ok.ts": `export { ok } from "${"#ops/embedded/ok.ts"}";\n`,
  "query/ok.test.ts": "export const ok = 1;\n",
  "query/cycle-back.ts": 'import { cycle } from "./cycle.ts";\nexport const back = () => cycle;\n',
  "ingest/server.ts": 'import uws from "uWebSockets.js";\nexport const app = uws;\n',
  "benchmarks/ok.ts": "export const ok = 1;\n",
};

type Violation = { rule: { name: string }; from: string; to: string };
type Report = {
  modules: { source: string; dependencies: unknown[] }[];
  summary: { violations: Violation[]; totalCruised: number; totalDependenciesCruised: number };
};

function cruise(baseDir: string): Report {
  const cli = join(projectRoot, "node_modules/dependency-cruiser/bin/dependency-cruise.mjs");
  const config = join(baseDir, ".dependency-cruiser.mjs");
  const run = spawnSync(process.execPath, [cli, ...FOLDERS, "--config", config, "--output-type", "json"], {
    cwd: baseDir,
    encoding: "utf8",
    maxBuffer: OUTPUT_BYTES_MAX,
  });
  if (!run.stdout.startsWith("{")) throw new Error(`dependency-cruiser failed: ${run.stderr || run.stdout}`);
  return JSON.parse(run.stdout) as Report;
}

function buildCanaryTree(baseDir: string): void {
  const manifest = JSON.stringify({
    name: "canary",
    type: "module",
    imports: Object.fromEntries(FOLDERS.map((folder) => [`#${folder}/*`, `./${folder}/*`])),
    dependencies: { "uWebSockets.js": "*" },
    devDependencies: { vitest: "*" },
  });
  const files: Record<string, string> = {
    ...SOUND_FILES,
    "package.json": manifest,
    "tsconfig.json": '{ "compilerOptions": { "module": "nodenext", "target": "es2024" } }\n',
    ".dependency-cruiser.mjs": `export { default } from ${JSON.stringify(pathToFileURL(join(projectRoot, ".dependency-cruiser.mjs")).href)};\n`,
    "grafana/ok.ts": "export const ok = 1;\n",
  };
  for (const { file, imports } of CANARIES) {
    // A type annotation in each: a parser that does not know TypeScript must stumble, not skip.
    const name = file === "query/cycle.ts" ? "cycle" : "seen";
    files[file] =
      `import * as other from ${JSON.stringify(imports)};\nexport const ${name}: unknown = other;\n`;
  }
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(baseDir, file)), { recursive: true });
    writeFileSync(join(baseDir, file), text);
  }
  symlinkSync(join(projectRoot, "node_modules"), join(baseDir, "node_modules"), "dir");
}

async function findCanaryFaults(): Promise<string[]> {
  const baseDir = mkdtempSync(join(tmpdir(), "millrace-layers-"));
  try {
    buildCanaryTree(baseDir);
    const { violations } = cruise(baseDir).summary;
    const faults: string[] = [];
    for (const { rule, file, imports } of CANARIES) {
      // A cycle is reported once, from whichever of its files comes first.
      const from = rule === "no-cycles" ? [file, "query/cycle-back.ts"] : [file];
      const caught = violations.some((found) => found.rule.name === rule && from.includes(found.from));
      if (!caught) faults.push(`the rule ${rule} does not catch ${file} importing ${imports}`);
    }
    for (const found of violations) {
      if (found.from in SOUND_FILES && found.rule.name !== "no-cycles") {
        faults.push(`the rule ${found.rule.name} wrongly reports ${found.from} importing ${found.to}`);
      }
    }
    const config = (await import(pathToFileURL(join(projectRoot, ".dependency-cruiser.mjs")).href)) as {
      default: { forbidden: { name: string }[] };
    };
    for (const { name } of config.default.forbidden) {
      if (!CANARIES.some(({ rule }) => rule === name)) faults.push(`the rule ${name} has no canary`);
    }
    return faults;
  } finally {
    rmSync(baseDir, { recursive: true, force: true });
  }
}

async function findLayerFaults(): Promise<{ faults: string[]; moduleCount: number }> {
  const report = cruise(projectRoot);
  const seen = new Set(report.modules.map(({ source }) => source));
  const sources = listProjectFiles().filter(
    (file) => /^[a-z]+\/.*\.ts$/.test(file) && FOLDERS.includes(file.split("/")[0] ?? ""),
  );
  const faults = sources
    .filter((file) => !seen.has(file) && !file.includes("/generated/"))
    .map((file) => `${file} was not cruised: the layers are not checked there`);
  if (sources.length === 0) faults.push("no TypeScript file was found: nothing is checked");
  const config = (await import(pathToFileURL(join(projectRoot, ".dependency-cruiser.mjs")).href)) as {
    default: { forbidden: { name: string; comment: string }[] };
  };
  for (const { rule, from, to } of report.summary.violations) {
    const comment = config.default.forbidden.find(({ name }) => name === rule.name)?.comment ?? "";
    faults.push(`${rule.name}: ${from} → ${to}\n    ${comment}`);
  }
  return { faults, moduleCount: sources.length };
}

const canaryFaults = await findCanaryFaults();
const { faults, moduleCount } = await findLayerFaults();
for (const fault of [...canaryFaults, ...faults]) console.log(fault);
console.log(
  `${moduleCount} modules, ${CANARIES.length} canaries, ${canaryFaults.length + faults.length} faults`,
);
process.exitCode = canaryFaults.length + faults.length === 0 ? 0 : 1;
