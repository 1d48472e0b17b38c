import { expect, test } from "vitest";
import { exampleOf, propertyNameOf, propertyTypeOf } from "./property-types.ts";

test.each([
  ["String", "string"],
  ["Int64", "number"],
  ["UInt64", "number"],
  ["Float64", "number"],
  ["Bool", "boolean"],
  ["Array(Nullable(String))", "list"],
  ["Array(JSON(max_dynamic_types=16, max_dynamic_paths=256))", "list"],
  ["DateTime64(9)", "string"],
  ["None", undefined],
])("%s is a %s", (storeType, type) => {
  expect(propertyTypeOf(storeType)).toBe(type);
});

test("examples have their JSON type when there is only one", () => {
  expect(exampleOf("1.5", ["number"])).toBe(1.5);
  expect(exampleOf("true", ["boolean"])).toBe(true);
  expect(exampleOf("12", ["string"])).toBe("12");
  expect(exampleOf("12", ["number", "string"])).toBe("12");
  expect(exampleOf("[1]", ["list"])).toBe("[1]");
});

test("keys with dots have the name that filters take", () => {
  expect(propertyNameOf("a%2Eb.c")).toBe("a.b.c");
});
