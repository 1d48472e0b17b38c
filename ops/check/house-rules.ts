// The house rules that no linter knows: each is a ban that names its replacement. The test beside this file runs
// them over the tree and proves each of them on a bad sample. To add one, add it here with its sample.

import { basename } from "node:path";
import { buildMachinePathPattern } from "./machine-path.ts";
import { projectRoot } from "./project-files.ts";

export type SourceFile = { path: string; text: string };
export type Finding = { line: number; text: string };

export type HouseRule = {
  name: string;
  /** What to do instead, said to whoever broke the rule. */
  instead: string;
  appliesTo: (path: string) => boolean;
  find: (file: SourceFile) => Finding[];
  /** Breaks this rule; the test of the checker holds the rule to it. */
  badSample: SourceFile;
  /** Looks like a breach and is none. */
  goodSample: SourceFile;
};

const LINES_MAX = 450;
const SHOWN_CHARACTERS_MAX = 120;

const machinePathPattern = buildMachinePathPattern(projectRoot);

const isTest = (path: string) => path.endsWith(".test.ts");
/** Also what a tier's tests share. */
const isForTests = (path: string) => isTest(path) || /^[a-z]+\/testing\//.test(path);
const isSource = (path: string) => /\.(ts|mts|mjs|js)$/.test(path);
const isGenerated = (path: string) => path.split("/").includes("generated");
const isText = (path: string) =>
  /\.(ts|mts|mjs|js|json|md|ya?ml|sh|sql|toml|conf|xml|html|css|tf|avsc|mustache)$|(^|\/)(Dockerfile|run|Makefile)$/.test(
    path,
  ) && path !== "package-lock.json";

/** Lines of code without comments: whole comment lines, and what follows ` // ` (an URL has no space before it). */
function findInCode(file: SourceFile, pattern: RegExp): Finding[] {
  return findInLines(file, pattern, (line) =>
    /^\s*(\/\/|\/\*|\*)/.test(line) ? "" : line.replace(/(^|\s)\/\/\s.*$/, "$1"),
  );
}

function findInLines(file: SourceFile, pattern: RegExp, strip = (line: string) => line): Finding[] {
  return file.text.split("\n").flatMap((line, index) => {
    return pattern.test(strip(line))
      ? [{ line: index + 1, text: line.trim().slice(0, SHOWN_CHARACTERS_MAX) }]
      : [];
  });
}

const sample = (path: string, text: string): SourceFile => ({ path, text });

export const houseRules: HouseRule[] = [
  {
    name: "environment-is-read-in-one-place",
    instead:
      "add the setting to the table in ops/runtime/config.ts and take it from the Config you are passed",
    appliesTo: (path) =>
      isSource(path) &&
      !isForTests(path) &&
      !/^ops\/(runtime\/config\.ts|launch\.mjs|supervisor\/|embedded\/environment\.ts|check\/|e2e\/)|^benchmarks\//.test(
        path,
      ),
    find: (file) => findInCode(file, /\bprocess\s*\.\s*env\b|\benv\b.*from "node:process"/),
    badSample: sample("query/a.ts", "const port = process.env.PORT;\n"),
    goodSample: sample("query/a.ts", "// Never process.env here.\nconst port = config.port;\n"),
  },
  {
    name: "no-star-export",
    instead: "import from the file that declares the name",
    appliesTo: isSource,
    find: (file) => findInCode(file, /^\s*export\s+(type\s+)?\*/),
    badSample: sample("query/a.ts", 'export * from "./b.ts";\n'),
    goodSample: sample("query/a.ts", 'import * as b from "./b.ts";\nexport { c };\n'),
  },
  {
    name: "no-barrel-file",
    instead: "name the file for the one thing it exports; importers name that file",
    appliesTo: (path) => isSource(path) && basename(path).startsWith("index."),
    find: () => [{ line: 1, text: "a file named index" }],
    badSample: sample("query/index.ts", "export const a = 1;\n"),
    goodSample: sample("query/index-hint.ts", "export const a = 1;\n"),
  },
  {
    name: "files-stay-small",
    instead: `look for the seam: over ${LINES_MAX} lines a file has two jobs`,
    appliesTo: (path) => (isSource(path) || path.endsWith(".sql")) && !isGenerated(path),
    find: ({ text }) => {
      const lineCount = text.split("\n").length - (text.endsWith("\n") ? 1 : 0);
      return lineCount > LINES_MAX ? [{ line: lineCount, text: `${lineCount} lines` }] : [];
    },
    badSample: sample("query/a.ts", "let a = 1;\n".repeat(LINES_MAX + 1)),
    goodSample: sample("query/a.ts", "let a = 1;\n".repeat(LINES_MAX)),
  },
  {
    name: "names-say-what-is-inside",
    instead: "name the file or folder for its one job; utils, helpers, common, manager and misc name none",
    appliesTo: (path) => isSource(path) && !isGenerated(path),
    find: ({ path }) => {
      const vague = /(^|[/.-])(utils?|helpers?|common|managers?|misc)([/.-]|$)/.exec(path);
      const notKebab = !/^[a-z0-9.-]+$/.test(basename(path));
      return vague || notKebab ? [{ line: 1, text: notKebab ? "not kebab-case" : `"${vague?.[2]}"` }] : [];
    },
    badSample: sample("query/date-utils.ts", "export const a = 1;\n"),
    goodSample: sample("query/utility-meter.ts", "export const a = 1;\n"),
  },
  {
    name: "files-say-what-they-are-for",
    instead: "begin the file with 1 to 5 comment lines: what it is for, and where on the path it stands",
    appliesTo: (path) =>
      /\.(ts|mjs)$/.test(path) && !isTest(path) && !isGenerated(path) && !path.endsWith(".d.ts"),
    find: ({ text }) =>
      /^(#!.*\n)?\s*(\/\/|\/\*)/.test(text) ? [] : [{ line: 1, text: text.split("\n")[0] ?? "" }],
    badSample: sample("query/a.ts", "export const a = 1;\n"),
    goodSample: sample("query/a.ts", "// Counts a.\nexport const a = 1;\n"),
  },
  {
    name: "no-focused-test",
    instead:
      "run one file with `npm test -- <path>`, or one test with `-t <name>`; nothing to undo afterwards",
    appliesTo: isTest,
    find: (file) => findInCode(file, /\b(it|test|describe|suite)(\.\w+)*\.only\s*[(.]/),
    badSample: sample("query/a.test.ts", 'it.only("counts", () => {});\n'),
    goodSample: sample("query/a.test.ts", 'it("counts only once", () => {});\n'),
  },
  {
    name: "no-skipped-test",
    instead:
      "repair the test, or delete it and say why in the commit; `skipIf` with a reason is for machines",
    appliesTo: isTest,
    find: (file) => findInCode(file, /\b(it|test|describe|suite)(\.\w+)*\.(skip|todo|fails)\s*[(.]/),
    badSample: sample("query/a.test.ts", 'it.skip("counts", () => {});\n'),
    goodSample: sample("query/a.test.ts", 'it.skipIf(isMac)("counts", () => {});\n'),
  },
  {
    name: "no-print-to-console",
    instead: "use the Logger you are passed (ops/runtime/log.ts); only what a person runs by hand prints",
    appliesTo: (path) =>
      isSource(path) &&
      !isForTests(path) &&
      !/^(ops\/(cli|check|e2e)\/|ops\/launch\.mjs$|benchmarks\/)/.test(path),
    find: (file) => findInCode(file, /\bconsole\s*\.\s*\w+\s*\(/),
    badSample: sample("workers/a.ts", 'console.log("stored");\n'),
    goodSample: sample("workers/a.ts", 'log.info("stored");\n'),
  },
  {
    name: "no-work-left-in-comments",
    instead: "do it now, or file it where work is tracked; the code says what is",
    appliesTo: (path) => isText(path) && !isGenerated(path),
    find: (file) => findInLines(file, /\b(TODO|FIXME|XXX|HACK)\b/),
    badSample: sample("query/a.ts", "// TODO: count\n"),
    goodSample: sample("query/a.ts", "// Shows todos.\n"),
  },
  {
    name: "no-enum",
    instead:
      'write `const State = { open: "open" } as const` with its union type: Node runs types by erasing them',
    appliesTo: (path) => /\.m?ts$/.test(path),
    find: (file) => findInCode(file, /^\s*(export\s+)?(declare\s+)?(const\s+)?enum\s+\w/),
    badSample: sample("query/a.ts", "export const enum State {\n"),
    goodSample: sample("query/a.ts", 'const kind = "enum State";\n'),
  },
  {
    name: "no-unchecked-compiler-silence",
    instead: "make the types right; `@ts-expect-error` with a reason fails as soon as it is not needed",
    appliesTo: (path) => /\.m?ts$/.test(path),
    find: (file) => findInLines(file, /@ts-(ignore|nocheck)\b/),
    badSample: sample("query/a.ts", "// @ts-ignore\n"),
    goodSample: sample("query/a.ts", "// @ts-expect-error the pack has no types\n"),
  },
  {
    name: "crossing-a-tier-is-visible",
    instead:
      'cross a top-level folder by its name, `#schemas/events/event.ts`; inside it, relatively with ".ts"',
    appliesTo: (path) =>
      /^(schemas|streams|ingest|workers|query|ops)\/.*\.ts$/.test(path) && !isGenerated(path),
    find: (file) => {
      const depth = file.path.split("/").length - 1;
      return [
        ...findInCode(file, new RegExp(`\\b(from|import)\\s*\\(?"(\\.\\./){${depth},}\\w`)),
        ...findInCode(file, /\b(from|import)\s*\(?"\.\.?\/[^"]*(?<!\.(ts|mjs|json|node))"/),
        ...findInCode(file, new RegExp(`\\bfrom "#${file.path.split("/")[0]}/`)),
      ];
    },
    badSample: sample("query/events/a.ts", 'import { b } from "../../schemas/b.ts";\n'),
    goodSample: sample(
      "query/events/a.ts",
      'import { b } from "#schemas/b.ts";\nimport { c } from "../c.ts";\n',
    ),
  },
  {
    name: "no-machine-path",
    instead:
      "build the path from import.meta.url, the data directory or os.tmpdir(); in prose name it relatively",
    appliesTo: (path) => isText(path) && !isGenerated(path),
    find: (file) => findInLines(file, machinePathPattern),
    badSample: sample("docs/a.md", "Open /home/alice/projects/notes.txt\n"),
    goodSample: sample("docs/a.md", "GET /v1/home/alice, see ./home/alice\n"),
  },
];
