import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { houseRules } from "./house-rules.ts";
import { listProjectFiles, projectRoot } from "./project-files.ts";

// The table holds a bad sample of each rule, so it breaks them all by its nature.
const RULE_TABLE = "ops/check/house-rules.ts";

const files = listProjectFiles().filter((path) => path !== RULE_TABLE);

describe("house rules", () => {
  it.each(houseRules)("hold in the whole tree: $name", ({ name, instead, appliesTo, find }) => {
    const findings = files.filter(appliesTo).flatMap((path) => {
      const text = readFileSync(join(projectRoot, path), "utf8");
      return find({ path, text }).map((found) => `${path}:${found.line}: ${found.text}`);
    });
    expect(findings, `${name}: ${instead}`).toEqual([]);
  });

  it("look at the files of every tier", () => {
    const folders = new Set(files.filter((path) => path.endsWith(".ts")).map((path) => path.split("/")[0]));
    expect([...folders]).toEqual(expect.arrayContaining(["ops", "schemas", "streams"]));
  });
});

describe("the checker of house rules", () => {
  it.each(houseRules)("reports the bad sample: $name", ({ appliesTo, find, badSample }) => {
    expect(appliesTo(badSample.path)).toBe(true);
    expect(find(badSample)).not.toEqual([]);
  });

  it.each(houseRules)("leaves the good sample alone: $name", ({ appliesTo, find, goodSample }) => {
    expect(appliesTo(goodSample.path) ? find(goodSample) : []).toEqual([]);
  });

  it("gives the line of what it found", () => {
    const rule = houseRules.find(({ name }) => name === "no-star-export");
    expect(rule?.find({ path: "query/a.ts", text: '// a\n\nexport * from "./b.ts";\n' })).toEqual([
      { line: 3, text: 'export * from "./b.ts";' },
    ]);
  });
});
