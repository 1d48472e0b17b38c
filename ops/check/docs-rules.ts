// What documents claim, held against the tree: relative links lead somewhere, headings they point at exist, and
// every MILLRACE_* variable is one that the configuration table knows.

import { dirname, join, normalize } from "node:path";

export type BrokenLink = { line: number; target: string; reason: string };

/** What the check needs to know of the tree; the test passes one made by hand. */
export type Tree = { exists: (path: string) => boolean; readMarkdown: (path: string) => string };

const LINK = /!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g;
const VARIABLE = /\bMILLRACE_[A-Z][A-Z0-9_]*[A-Z0-9]\b(?![*_{<…])/g;

/** Every relative link of the document at `path` that leads nowhere. */
export function findBrokenLinks(path: string, text: string, tree: Tree): BrokenLink[] {
  const broken: BrokenLink[] = [];
  for (const { line, content } of listProse(text)) {
    for (const match of content.matchAll(LINK)) {
      const target = match[1] ?? "";
      if (/^[a-z][a-z0-9+.-]*:|^\/\//i.test(target)) continue;
      const [rawFile = "", anchor] = target.split("#");
      const file = rawFile === "" ? path : normalize(join(dirname(path), decodeURIComponent(rawFile)));
      if (target.startsWith("/")) broken.push({ line, target, reason: "an absolute path; link relatively" });
      else if (file.startsWith("..")) broken.push({ line, target, reason: "leads out of the project" });
      else if (!tree.exists(file)) broken.push({ line, target, reason: "no such file" });
      else if (anchor && file.endsWith(".md") && !listAnchors(tree.readMarkdown(file)).has(anchor)) {
        broken.push({ line, target, reason: "no such heading" });
      }
    }
  }
  return broken;
}

/** Every variable of ours that the text names, in code or prose; `MILLRACE_*` patterns are no names. */
export function listVariables(text: string): string[] {
  return [...new Set([...text.matchAll(VARIABLE)].map(([name]) => name))].sort();
}

/** The lines outside fenced code, with inline code blanked. */
function listProse(text: string): { line: number; content: string }[] {
  let fence: string | undefined;
  return text.split("\n").flatMap((content, index) => {
    const mark = /^\s*(```+|~~~+)/.exec(content)?.[1];
    if (mark && (fence === undefined || mark.startsWith(fence))) {
      fence = fence === undefined ? mark : undefined;
      return [];
    }
    return fence === undefined ? [{ line: index + 1, content: content.replace(/`[^`]*`/g, "``") }] : [];
  });
}

/** The anchors that the usual renderers give to headings. */
function listAnchors(text: string): Set<string> {
  const anchors = new Set<string>();
  for (const line of withoutFences(text)) {
    const heading = /^#{1,6}\s+(.*?)\s*#*$/.exec(line)?.[1];
    if (heading === undefined) continue;
    const slug = heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, "")
      .replace(/\s/g, "-");
    let unique = slug;
    for (let copy = 1; anchors.has(unique); copy += 1) unique = `${slug}-${copy}`;
    anchors.add(unique);
  }
  return anchors;
}

function withoutFences(text: string): string[] {
  return text.replace(/^\s*(```+|~~~+)[\s\S]*?^\s*\1\s*$/gm, "").split("\n");
}
