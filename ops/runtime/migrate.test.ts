import { expect, it } from "vitest";
import { decideMissing, splitStatements } from "./migrate.ts";

const file = (number: number, checksum = `sum-${number}`, store: "postgres" | "clickhouse" = "postgres") => ({
  store,
  number,
  title: `m${number}`,
  sql: "",
  checksum,
});

it("applies in order what is not recorded, each store by itself", () => {
  const files = [file(1), file(2), file(1, "sum-1", "clickhouse")];
  expect(decideMissing(files, [file(1)])).toEqual([files[1], files[2]]);
  expect(decideMissing(files, files)).toEqual([]);
});

it("refuses a file that was changed after it had been applied", () => {
  expect(() => decideMissing([file(1, "other")], [file(1)])).toThrow("postgres 0001-m1 was changed");
});

it("refuses a database of a newer version", () => {
  expect(() => decideMissing([file(1)], [file(1), file(2)])).toThrow(
    "0002-m2 was applied by a newer version",
  );
});

it("refuses a file added below an applied one", () => {
  expect(() => decideMissing([file(1), file(2)], [file(2)])).toThrow(
    "0001-m1 was added below postgres 0002-m2",
  );
});

it("names all problems at once", () => {
  expect(() => decideMissing([file(1, "other")], [file(1), file(2)])).toThrow(/changed[\s\S]*newer version/);
});

it("splits at semicolons that end a line, and drops what is only comment", () => {
  const sql = "-- a; comment\nSELECT ';' AS a;\n\n-- between\nSELECT 2;  \n-- the end\n";
  expect(splitStatements(sql)).toEqual(["-- a; comment\nSELECT ';' AS a", "-- between\nSELECT 2"]);
  expect(splitStatements("SELECT 1")).toEqual(["SELECT 1"]);
});
