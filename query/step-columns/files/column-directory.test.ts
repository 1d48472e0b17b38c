// Which files of columns go, and when.
import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { listColumnFiles, makeRoom, sweepColumnFiles } from "./column-directory.ts";
import { unfinishedEnd } from "./column-file.ts";

const dayMs = 86_400_000;
const nowMs = Date.UTC(2026, 0, 20);
let directory = "";

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "millrace-column-directory-"));
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

function put(path: string, ageMs: number): void {
  const whole = join(directory, path);
  mkdirSync(dirname(whole), { recursive: true });
  writeFileSync(whole, "12345");
  utimesSync(whole, (nowMs - ageMs) / 1000, (nowMs - ageMs) / 1000);
}

const exists = (path: string): boolean => existsSync(join(directory, path));

it("lets the least recently used go, and no more than needed", () => {
  const files = [3, 1, 2].map((usedMs) => ({ path: `f${usedMs}`, bytes: 10, usedMs }));
  expect(makeRoom(files, 30)).toEqual([]);
  expect(makeRoom(files, 29)).toEqual(["f1"]);
  expect(makeRoom(files, 10)).toEqual(["f1", "f2"]);
  expect(makeRoom(files, 0)).toEqual(["f1", "f2", "f3"]);
});

it("does not count the file that is written anew", () => {
  const files = [1, 2].map((usedMs) => ({ path: `f${usedMs}`, bytes: 10, usedMs }));
  expect(makeRoom(files, 10, "f1")).toEqual([]);
  expect(makeRoom(files, 9, "f1")).toEqual(["f2"]);
});

it("removes what is of an earlier epoch or of no project", async () => {
  for (const project of ["3-7", "3-8", "3-9", "4-0", "none"]) put(`own/${project}/a.column`, 0);
  const epochs = new Map([[3, 8n]]);
  const swept = await sweepColumnFiles({ directory, own: join(directory, "own"), epochs, nowMs });
  expect(swept).toEqual({ removed: 3, bytes: 10 });
  expect(["3-7", "3-8", "3-9", "4-0", "none"].filter((each) => exists(`own/${each}`))).toEqual([
    "3-8",
    "3-9",
  ]);
});

it("removes what was left unfinished, and what others have not used for long", async () => {
  const epochs = new Map([[3, 0n]]);
  put(`own/3-0/young${unfinishedEnd}`, 60_000);
  put(`own/3-0/old${unfinishedEnd}`, 3_600_000);
  put("own/3-0/unused.column", 30 * dayMs);
  put("owner/3-0/young.column", dayMs);
  put("owner/3-0/old.column", 30 * dayMs);
  await sweepColumnFiles({ directory, own: join(directory, "own"), epochs, nowMs });
  const left = (await listColumnFiles(directory)).map(({ path }) => path.slice(directory.length + 1));
  expect(left.toSorted()).toEqual([
    "own/3-0/unused.column",
    `own/3-0/young${unfinishedEnd}`,
    "owner/3-0/young.column",
  ]);
});

it("finds nothing where there is no directory", async () => {
  expect(await listColumnFiles(join(directory, "none"))).toEqual([]);
});
