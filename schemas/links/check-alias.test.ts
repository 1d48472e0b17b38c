import { expect, it } from "vitest";
import { MillraceError } from "../errors.ts";
import { operations } from "../operations/operations.ts";
import { pathsOf } from "../operations/operation.ts";
import { checkAlias } from "./check-alias.ts";

function codeOf(alias: string): string {
  try {
    checkAlias(alias);
  } catch (error) {
    if (error instanceof MillraceError) return error.code;
    throw error;
  }
  return "taken";
}

it.each(["a", "Sale-2026", "x_y", "9", "a".repeat(100), "Healthz2"])("takes %s", (alias) => {
  expect(codeOf(alias)).toBe("taken");
});

it.each([
  "",
  " ",
  "-a",
  "_a",
  "a b",
  "a/b",
  "a+",
  "a.b",
  "..",
  "ä",
  "a%20",
  "a\n",
  "a\0",
  "😀",
  "а",
  "a".repeat(101),
])("refuses %j", (alias) => {
  expect(codeOf(alias)).toBe("ALIAS_INVALID");
});

it("reserves the first segment of every address of the edge, whatever its case", () => {
  const segments = operations
    .flatMap(pathsOf)
    .map((path) => path.split("/")[1] as string)
    .filter((segment) => /^[A-Za-z0-9]/.test(segment) && !/[^\w-]/.test(segment));
  expect(segments).toEqual(expect.arrayContaining(["v1", "healthz", "metrics", "docs", "batch"]));
  for (const segment of segments) {
    expect(codeOf(segment)).toBe("ALIAS_RESERVED");
    expect(codeOf(segment.toUpperCase())).toBe("ALIAS_RESERVED");
  }
});

it("reserves what stands beside the codes in the API", () => {
  for (const name of ["bulk", "import", "export"]) expect(codeOf(name)).toBe("ALIAS_RESERVED");
});
