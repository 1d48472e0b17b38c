// Builds the pattern of paths that exist on one machine only, for the house rule that bans them.

import { existsSync, readdirSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";

// Places where checkouts often lie that are also usual names in containers and documents.
const USUAL_PLACES = new Set([
  ...["/", "/app", "/home", "/opt", "/repo", "/root", "/src", "/srv", "/usr", "/usr/src", "/usr/src/app"],
  ...["/tmp", "/var", "/var/tmp", "/workspace", tmpdir()],
]);

/**
 * Somebody's home, this checkout, or anything lying beside it. What lies beside is taken from the disk, so that
 * a checkout in a folder that is also a usual place in containers does not forbid naming that place.
 */
export function buildMachinePathPattern(root: string): RegExp {
  const parent = dirname(root);
  const beside = USUAL_PLACES.has(parent) || !existsSync(parent) ? [] : readdirSync(parent);
  const own = [root, homedir(), ...beside.map((entry) => join(parent, entry))]
    .filter((path) => !USUAL_PLACES.has(path))
    .map((path) => `${path.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}(?![\\w-])`);
  return new RegExp(`(?<![\\w.~/-])(${["/(home|Users)/[a-z]\\w*/\\w", ...own].join("|")})`);
}
