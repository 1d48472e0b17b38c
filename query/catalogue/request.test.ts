import { expect, test } from "vitest";
import { MillraceError } from "#schemas/errors.ts";
import { buildCursor } from "./cursor.ts";
import { readNamesRequest, readPropertiesRequest, readValuesRequest } from "./request.ts";

const now = Date.UTC(2026, 10, 22, 19, 30);

function problemsOf(read: () => unknown): unknown {
  try {
    read();
  } catch (error) {
    if (error instanceof MillraceError) {
      return [error.code, ...error.details.map((each) => (each as { path: string }).path)];
    }
    throw error;
  }
  return "none";
}

test("without edges the range is the last 90 whole days, today included", () => {
  const { fromMs, endMs, limit, search, after } = readNamesRequest({}, now);
  expect(new Date(fromMs).toISOString()).toBe("2026-08-25T00:00:00.000Z");
  expect(new Date(endMs).toISOString()).toBe("2026-11-23T00:00:00.000Z");
  expect({ limit, search, after }).toEqual({ limit: 100, search: "", after: undefined });
});

test("edges are read as in queries, epoch milliseconds too", () => {
  const local = readNamesRequest({ from: "2026-11-01", to: "2026-11-01", timezone: "Asia/Tokyo" }, now);
  expect([local.fromMs, local.endMs]).toEqual([Date.UTC(2026, 9, 31, 15), Date.UTC(2026, 10, 1, 15)]);
  expect(readNamesRequest({ from: String(now - 5) }, now).fromMs).toBe(now - 5);
});

test.each([
  [{ limit: "0" }, "limit"],
  [{ limit: "1001" }, "limit"],
  [{ limit: "ten" }, "limit"],
  [{ limit: "1e2" }, "limit"],
  [{ limit: "" }, "limit"],
  [{ limit: ["1", "2"] }, "limit"],
  [{ cursor: "x" }, "cursor"],
  [{ cursor: buildCursor({ count: 1.5, name: "a" }) }, "cursor"],
  [{ from: "yesterday" }, "from"],
  [{ from: "2026-11-02", to: "2026-11-01" }, "from"],
  [{ timezone: "Mars/Olympus" }, "timezone"],
  [{ serach: "a" }, "serach"],
])("%j is refused with the parameter's name", (given, path) => {
  for (const read of [readNamesRequest, readPropertiesRequest]) {
    expect(problemsOf(() => read(given, now))).toEqual(["INVALID_PARAMETER", path]);
  }
  expect(problemsOf(() => readValuesRequest({ property: "a", ...given }, now))).toEqual([
    "INVALID_PARAMETER",
    path,
  ]);
});

test.each([
  [{}, "property"],
  [{ property: "" }, "property"],
  [{ property: "a.:`String`" }, "property"],
  [{ property: "a", on: "group" }, "on"],
  [{ property: "a", match: "regex" }, "match"],
  [{ property: "a", event: "" }, "event"],
])("values of %j are refused with the parameter's name", (given, path) => {
  expect(problemsOf(() => readValuesRequest(given, now))).toEqual(["INVALID_PARAMETER", path]);
});

test("a cursor survives its way through the address", () => {
  const after = { count: 12, name: 'event "ü"\n🦊' };
  expect(readNamesRequest({ cursor: buildCursor(after) }, now).after).toEqual(after);
});
