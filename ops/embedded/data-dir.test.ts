// The directory is closed to others, and making it again does not close it to the Postgres that runs in it.
import { chmod, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { makeDataDir } from "./data-dir.ts";

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "millrace-data-dir-"));
});

afterEach(() => rm(directory, { recursive: true }));

const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;

it("makes a directory that only its owner may enter", async () => {
  const path = join(directory, "data");
  await makeDataDir(path);
  expect(await modeOf(path)).toBe(0o700);
});

it("closes a directory that was open to others", async () => {
  await chmod(directory, 0o777);
  await makeDataDir(directory);
  expect(await modeOf(directory)).toBe(0o710);
});

it("leaves the way through that the group of a running Postgres has", async () => {
  await chmod(directory, 0o710);
  await makeDataDir(directory);
  expect(await modeOf(directory)).toBe(0o710);
});
