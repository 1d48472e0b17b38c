// What lies in the directory of column files: which go first when there are too many bytes, and which are of nobody any
// more because somebody was erased from them, or their project is gone.
import type { Stats } from "node:fs";
import { readdir, rm, stat } from "node:fs/promises";
import { join, sep } from "node:path";
import { unfinishedEnd } from "./column-file.ts";

export interface StoredFile {
  readonly path: string;
  readonly bytes: number;
  readonly usedMs: number;
}

/** Written by a process that did not live to rename it. */
const unfinishedMsMax = 600_000;
/** Files of another installation that used the same directory, when nobody does any more. */
const otherMsMax = 7 * 86_400_000;

export async function listColumnFiles(directory: string): Promise<StoredFile[]> {
  const files: StoredFile[] = [];
  for (const installation of await namesIn(directory)) {
    for (const project of await namesIn(join(directory, installation))) {
      for (const name of await namesIn(join(directory, installation, project))) {
        const path = join(directory, installation, project, name);
        const found = await statOf(path);
        if (found?.isFile() === true) files.push({ path, bytes: found.size, usedMs: found.mtimeMs });
      }
    }
  }
  return files;
}

/** The least recently used, so that the others have at most `bytesMax`; `replaced` is about to be written anew. */
export function makeRoom(files: readonly StoredFile[], bytesMax: number, replaced?: string): string[] {
  const others = files.filter(({ path }) => path !== replaced);
  let bytes = others.reduce((sum, file) => sum + file.bytes, 0);
  const gone: string[] = [];
  for (const file of others.toSorted((left, right) => left.usedMs - right.usedMs)) {
    if (bytes <= bytesMax) break;
    bytes -= file.bytes;
    gone.push(file.path);
  }
  return gone;
}

export interface Sweep {
  readonly directory: string;
  /** The own installation's part of it. */
  readonly own: string;
  /** Epochs of the projects that there are. */
  readonly epochs: ReadonlyMap<number, bigint>;
  readonly nowMs: number;
}

/** Removes what is of nobody. Answers how many directories and files went, and the bytes that are left. */
export async function sweepColumnFiles(sweep: Sweep): Promise<{ removed: number; bytes: number }> {
  let removed = 0;
  for (const project of await namesIn(sweep.own)) {
    if (isCurrent(project, sweep.epochs)) continue;
    await rm(join(sweep.own, project), { recursive: true, force: true });
    removed += 1;
  }
  let bytes = 0;
  for (const file of await listColumnFiles(sweep.directory)) {
    const ageMs = sweep.nowMs - file.usedMs;
    const isOwn = file.path.startsWith(join(sweep.own, sep));
    if ((file.path.endsWith(unfinishedEnd) && ageMs > unfinishedMsMax) || (!isOwn && ageMs > otherMsMax)) {
      await rm(file.path, { force: true });
      removed += 1;
    } else {
      bytes += file.bytes;
    }
  }
  return { removed, bytes };
}

/** `<project>-<epoch>`; a later epoch than was read belongs to somebody who knows more. */
function isCurrent(name: string, epochs: Sweep["epochs"]): boolean {
  const [, project, epoch] = /^(\d+)-(\d+)$/.exec(name) ?? [];
  if (project === undefined || epoch === undefined) return false;
  const current = epochs.get(Number(project));
  return current !== undefined && BigInt(epoch) >= current;
}

async function namesIn(directory: string): Promise<string[]> {
  return readdir(directory).catch(emptyWhenGone);
}

function emptyWhenGone(error: unknown): string[] {
  if (isCode(error, "ENOENT") || isCode(error, "ENOTDIR")) return [];
  throw error;
}

/** Undefined when it went meanwhile. */
async function statOf(path: string): Promise<Stats | undefined> {
  return stat(path).catch((error: unknown) => {
    if (isCode(error, "ENOENT")) return undefined;
    throw error;
  });
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
