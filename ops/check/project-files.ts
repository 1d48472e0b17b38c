// Lists the files the project is made of, by walking the folders rather than asking git, so that the checks
// also work in an unpacked archive. Data directories, tools and dot folders are not part of the project.

import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const projectRoot = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

const SKIPPED_FOLDERS = new Set(["node_modules", "coverage"]);
const KEPT_DOT_FOLDERS = new Set([".ci", ".github"]);

/** Every file of the project, as sorted paths from its root with forward slashes. */
export function listProjectFiles(): string[] {
  const files: string[] = [];
  const folders = [""];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const entry of readdirSync(join(projectRoot, folder), { withFileTypes: true })) {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (entry.isFile()) files.push(path);
      else if (entry.isDirectory() && isProjectFolder(entry.name)) folders.push(path);
    }
  }
  return files.sort();
}

function isProjectFolder(name: string): boolean {
  return !SKIPPED_FOLDERS.has(name) && (!name.startsWith(".") || KEPT_DOT_FOLDERS.has(name));
}
