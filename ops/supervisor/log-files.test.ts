import { appendFile, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, vi } from "vitest";
import { describeError, watchLogFiles } from "./log-files.ts";

const line = (level: number, msg: string, message?: string): string =>
  `${JSON.stringify({ level, msg, ...(message === undefined ? {} : { err: { message } }) })}\n`;

it.each([
  {
    name: "an error with its cause",
    input: line(50, "insert failed", "timeout\n  at x"),
    expected: "w: insert failed: timeout",
  },
  { name: "a fatal without a cause", input: line(60, "start failed"), expected: "w: start failed" },
  { name: "a warning", input: line(40, "slow"), expected: undefined },
  { name: "text of a server", input: "[1] 12:00 * Ready\n", expected: undefined },
  { name: "a cut line", input: '{"level":50,"ms', expected: undefined },
])("shows or leaves out $name", ({ input, expected }) => {
  expect(describeError(input, "w")).toBe(expected);
});

it("shows new errors once, and cuts a file over its bound", async () => {
  const directory = await mkdtemp(join(tmpdir(), "millrace-logs-"));
  const path = join(directory, "workers-1.log");
  await writeFile(path, line(50, "old"));
  const shown: string[] = [];
  const watch = watchLogFiles({ directory, show: (text) => shown.push(text) });
  await vi.waitFor(async () => {
    // The first look has to be over before something is new.
    await appendFile(path, line(50, "new") + line(50, "new"));
    expect(shown).toEqual(["workers-1: new"]);
  }, 3_000);
  await writeFile(path, Buffer.alloc(21 * 1024 * 1024, "x\n"), { flag: "a" });
  await vi.waitFor(async () => expect((await stat(path)).size).toBe(0), 3_000);
  expect((await stat(`${path}.1`)).size).toBeGreaterThan(20 * 1024 * 1024);
  await appendFile(path, line(50, "after"));
  await watch.stop();
  expect(shown).toEqual(["workers-1: new", "workers-1: after"]);
  await rm(directory, { recursive: true });
});
