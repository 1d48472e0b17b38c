import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { configTable } from "../runtime/settings.ts";
import { findBrokenLinks, listVariables } from "./docs-rules.ts";
import { listProjectFiles, projectRoot } from "./project-files.ts";

const documents = listProjectFiles().filter((path) => path.endsWith(".md"));
const read = (path: string) => readFileSync(join(projectRoot, path), "utf8");

describe("documents", () => {
  it("link only to what exists", () => {
    const tree = { exists: (path: string) => existsSync(join(projectRoot, path)), readMarkdown: read };
    const broken = documents.flatMap((path) =>
      findBrokenLinks(path, read(path), tree).map(
        ({ line, target, reason }) => `${path}:${line}: ${target}: ${reason}`,
      ),
    );
    expect(documents).toContain("CONTRIBUTING.md");
    expect(broken).toEqual([]);
  });

  it("name only variables that the configuration knows", () => {
    const unknown = documents.flatMap((path) =>
      listVariables(read(path))
        .filter((name) => !(name in configTable))
        .map((name) => `${path}: ${name} is not in ops/runtime/config.ts`),
    );
    expect(unknown).toEqual([]);
  });
});

describe("the checker of documents", () => {
  const pages: Record<string, string> = {
    "README.md": "# Start\n",
    "docs/guide.md": "# A guide\n\n## Events, in `order`\n\n## Twice\n\n## Twice\n",
    "docs/picture.svg": "",
  };
  const tree = {
    exists: (path: string) => path in pages || path === "docs",
    readMarkdown: (path: string) => pages[path] ?? "",
  };

  it.each([
    { link: "../README.md", reason: undefined },
    { link: "guide.md#events-in-order", reason: undefined },
    { link: "guide.md#twice-1", reason: undefined },
    { link: "#a-page", reason: undefined },
    { link: "./picture.svg", reason: undefined },
    { link: "https://example.com/missing.md", reason: undefined },
    { link: "mailto:someone@example.com", reason: undefined },
    { link: "missing.md", reason: "no such file" },
    { link: "guide.md#twice-2", reason: "no such heading" },
    { link: "#nothing", reason: "no such heading" },
    { link: "/README.md", reason: "an absolute path; link relatively" },
    { link: "../../README.md", reason: "leads out of the project" },
  ])("judges a link to $link", ({ link, reason }) => {
    pages["docs/page.md"] = `# A page\n\nSee [this](${link}).\n`;
    const broken = findBrokenLinks("docs/page.md", pages["docs/page.md"], tree);
    expect(broken).toEqual(reason === undefined ? [] : [{ line: 3, target: link, reason }]);
  });

  it("does not read links in code", () => {
    const text = "```md\n[a](missing.md)\n```\n\n`[b](missing.md)`\n";
    expect(findBrokenLinks("README.md", text, tree)).toEqual([]);
  });

  it("finds variables and leaves patterns alone", () => {
    const text = "Set `MILLRACE_PORT`, not MILLRACE_PROT; MILLRACE_* and MILLRACE_NATS_* and `MILLRACE_<X>`.";
    expect(listVariables(text)).toEqual(["MILLRACE_PORT", "MILLRACE_PROT"]);
  });
});
