// Operators look up what a message wants from them: every warning and error in the code stands in the guide.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { listProjectFiles, projectRoot } from "./project-files.ts";

const read = (path: string) => readFileSync(join(projectRoot, path), "utf8");

const sources = listProjectFiles().filter(
  (path) =>
    /^(ingest|workers|query|streams|ops\/runtime)\/.*\.ts$/.test(path) &&
    !/\.test\.ts$|\/testing\//.test(path),
);

/** `log.warn({ … }, "the message")`, over several lines too. */
const call = /\blog\.(warn|error|fatal)\(\s*(?:\{[^}]*\}\s*,\s*)?"([^"]+)"/gi;

/** What the lanes of background work say when nothing could be claimed. */
const trouble = /\btrouble: "([^"]+)"/g;

const inCode = sources.flatMap((path) => [
  ...[...read(path).matchAll(call)].map(([, level = "", message = ""]) => `${level} ${message}`),
  ...[...read(path).matchAll(trouble)].map(([, message = ""]) => `warn ${message}`),
]);

const inGuide = [
  ...read("docs/guides/operations.md").matchAll(/^\| (warn|error|fatal) \| ([^|]+) \|/gm),
].flatMap(([, level = "", messages = ""]) =>
  [...messages.matchAll(/`([^`]+)`/g)].map(([, message = ""]) => `${level} ${message}`),
);

it("every message at warn and above is explained, and nothing else is", () => {
  expect(inCode.length).toBeGreaterThan(20);
  expect([...new Set(inGuide)].sort()).toEqual([...new Set(inCode)].sort());
});
