// A column comes back from its file as it was, or not at all.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, expect, it } from "vitest";
import { buildStepList, dayMs } from "../step-list.ts";
import { ForeignFile, readColumnHead, readColumnPart, writeColumnFile } from "./column-file.ts";

const directory = mkdtempSync(join(tmpdir(), "millrace-column-file-"));
const path = join(directory, "any.column");
const name = { installation: "one", projectId: 3, epoch: "7", event: "signed up" };
const fromMs = -10 * dayMs;
const lists = [
  buildStepList(
    [{ users: Uint32Array.of(5, 9, 5), ats: Uint32Array.of(70_000, 1, 300), baseMs: fromMs }],
    fromMs,
  ),
  buildStepList([], fromMs),
];
const dayRows = Uint32Array.of(3, 0);

beforeEach(() => {
  writeColumnFile({ path, name, fromMs, dayRows, lists });
});

afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

it("comes back as it was, and leaves nothing beside it", () => {
  const column = readColumnHead(path, name);
  expect(column).toMatchObject({ fromMs, dayRows });
  expect([0, 1].map((part) => readColumnPart(column, part))).toEqual(lists);
  expect(readdirSync(directory)).toEqual(["any.column"]);
});

it("is refused with any byte changed", () => {
  const bytes = readFileSync(path);
  for (let at = 0; at < bytes.length; at += 1) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] as number) ^ 1;
    writeFileSync(path, changed);
    const readAll = (): unknown[] => {
      const column = readColumnHead(path, name);
      return [0, 1].map((part) => readColumnPart(column, part));
    };
    expect(readAll, `byte ${at}`).toThrow(ForeignFile);
  }
});

it("is refused when it was cut or is longer", () => {
  const bytes = readFileSync(path);
  for (let length = 0; length < bytes.length; length += 1) {
    writeFileSync(path, bytes.subarray(0, length));
    expect(() => readColumnHead(path, name), `${length} bytes`).toThrow(ForeignFile);
  }
  writeFileSync(path, Buffer.concat([bytes, Buffer.of(0)]));
  expect(() => readColumnHead(path, name)).toThrow(ForeignFile);
});

it("is refused under another name", () => {
  for (const other of [{ installation: "two" }, { projectId: 4 }, { epoch: "8" }, { event: null }]) {
    expect(() => readColumnHead(path, { ...name, ...other })).toThrow(ForeignFile);
  }
});

it("is refused when another one took its place after its head was read", () => {
  const column = readColumnHead(path, name);
  writeColumnFile({ path, name, fromMs, dayRows: Uint32Array.of(3, 1), lists });
  expect(() => readColumnPart(column, 0)).toThrow(ForeignFile);
});
