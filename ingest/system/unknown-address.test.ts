import { expect, test } from "vitest";
import { describeUnknown } from "./unknown-address.ts";

test("an unknown kind of query is answered with the kinds that there are", () => {
  const error = describeUnknown("/v1/query/foo");
  expect([error.code, error.status]).toEqual(["NOT_FOUND", 404]);
  expect(error.message).toContain("there are trends, ");
  expect(error.details).toMatchObject([{ path: "kind" }]);
});

test("another unknown address is only unknown", () => {
  expect(describeUnknown("/v1/other")).toMatchObject({ code: "NOT_FOUND", details: [] });
});
