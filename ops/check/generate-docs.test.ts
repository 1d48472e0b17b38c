import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { errorCatalogue } from "#schemas/errors.ts";
import { configTable } from "../runtime/settings.ts";
import { generatedPages } from "./generate-docs.ts";
import { projectRoot } from "./project-files.ts";

it.each(generatedPages)("$path says what its source says (else: npm run docs)", ({ path, build }) => {
  expect(readFileSync(join(projectRoot, path), "utf8")).toBe(build());
});

it("the references leave out no setting and no error", () => {
  const text = generatedPages.map(({ build }) => build()).join("\n");
  const missing = [...Object.keys(configTable), ...Object.keys(errorCatalogue)].filter(
    (name) => !text.includes(`| \`${name}\` |`),
  );
  expect(missing).toEqual([]);
});
