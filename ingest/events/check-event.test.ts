import { expect, test } from "vitest";
import { Value } from "@sinclair/typebox/value";
import type { ErrorCode } from "#schemas/errors.ts";
import type { LogEvent } from "#schemas/events/event.ts";
import { eventContract } from "#schemas/operations/event-contracts.ts";
import { checkEvent, type Arrival } from "./check-event.ts";

const receivedAtMs = Date.UTC(2026, 10, 22, 10);
const arrival: Arrival = { projectId: 7, receivedAtMs, sentAtMs: Number.NaN, userAgent: "", measure: true };
const hourMs = 3_600_000;

function nested(depth: number): object {
  let value: object = {};
  for (let level = 1; level < depth; level += 1) value = { a: value };
  return value;
}

const refused: { name: string; input: unknown; code: ErrorCode }[] = [
  {
    name: "properties in a list beside $set",
    input: { event: "a", user_id: "u", $set: { a: 1 }, properties: [] },
    code: "PROPERTIES_INVALID",
  },
  {
    name: "1e999 in $set",
    input: { event: "a", user_id: "u", $set: { a: Infinity } },
    code: "NUMBER_OUT_OF_RANGE",
  },
  { name: "a number", input: 3, code: "EVENT_NOT_AN_OBJECT" },
  { name: "null", input: null, code: "EVENT_NOT_AN_OBJECT" },
  { name: "an array", input: [], code: "EVENT_NOT_AN_OBJECT" },
  { name: "no name", input: { user_id: "u" }, code: "EVENT_NAME_MISSING" },
  { name: "an empty name", input: { event: "", user_id: "u" }, code: "EVENT_NAME_MISSING" },
  { name: "a number as name", input: { event: 1, user_id: "u" }, code: "EVENT_NAME_INVALID" },
  { name: "a long name", input: { event: "a".repeat(201), user_id: "u" }, code: "EVENT_NAME_INVALID" },
  { name: "NUL in the name", input: { event: "a\0", user_id: "u" }, code: "EVENT_NAME_INVALID" },
  { name: "a click of a link", input: { event: "link.clicked", user_id: "u" }, code: "EVENT_NAME_RESERVED" },
  { name: "nobody", input: { event: "a" }, code: "USER_MISSING" },
  { name: "null users", input: { event: "a", user_id: null, anonymous_id: null }, code: "USER_MISSING" },
  { name: "a number as user", input: { event: "a", user_id: 5 }, code: "USER_ID_INVALID" },
  { name: "an empty user", input: { event: "a", user_id: "" }, code: "USER_ID_INVALID" },
  { name: "half a surrogate pair", input: { event: "a", user_id: "\ud800" }, code: "USER_ID_INVALID" },
  ...["undefined", "null", "[object Object]", "0"].map((id) => ({
    name: `the user ${id}`,
    input: { event: "a", user_id: id },
    code: "USER_ID_INVALID" as const,
  })),
  {
    name: "an anonymous null",
    input: { event: "a", user_id: "u", anonymous_id: "null" },
    code: "USER_ID_INVALID",
  },
  {
    name: "a long event id",
    input: { event: "a", user_id: "u", event_id: "x".repeat(201) },
    code: "EVENT_ID_INVALID",
  },
  {
    name: "an object as event id",
    input: { event: "a", user_id: "u", event_id: {} },
    code: "EVENT_ID_INVALID",
  },
  {
    name: "a number as session",
    input: { event: "a", user_id: "u", session_id: 1 },
    code: "SESSION_ID_INVALID",
  },
  { name: "a wrong time", input: { event: "a", user_id: "u", timestamp: "soon" }, code: "TIMESTAMP_INVALID" },
  {
    name: "a time before 1900",
    input: { event: "a", user_id: "u", timestamp: "1899-12-31T00:00:00Z" },
    code: "TIMESTAMP_INVALID",
  },
  { name: "a wrong sent_at", input: { event: "a", user_id: "u", sent_at: "x" }, code: "TIMESTAMP_INVALID" },
  {
    name: "the day after tomorrow",
    input: { event: "a", user_id: "u", timestamp: receivedAtMs + 24 * hourMs + 1 },
    code: "TIMESTAMP_IN_FUTURE",
  },
  {
    name: "properties in a list",
    input: { event: "a", user_id: "u", properties: [] },
    code: "PROPERTIES_INVALID",
  },
  {
    name: "a text as context",
    input: { event: "a", user_id: "u", context: "x" },
    code: "PROPERTIES_INVALID",
  },
  { name: "21 levels", input: { event: "a", user_id: "u", properties: nested(21) }, code: "EVENT_TOO_DEEP" },
  {
    name: "100,000 levels",
    input: { event: "a", user_id: "u", properties: nested(100_000) },
    code: "EVENT_TOO_DEEP",
  },
  {
    name: "1e999",
    input: JSON.parse('{"event":"a","user_id":"u","properties":{"a":[1e999]}}') as unknown,
    code: "NUMBER_OUT_OF_RANGE",
  },
  {
    name: "33 KB of properties",
    input: { event: "a", user_id: "u", properties: { a: "x".repeat(33 * 1024) } },
    code: "EVENT_TOO_LARGE",
  },
  {
    name: "33 KB of characters of three bytes",
    input: { event: "a", user_id: "u", properties: { a: "€".repeat(11 * 1024) } },
    code: "EVENT_TOO_LARGE",
  },
  {
    name: "33 KB in a field that nobody knows",
    input: { event: "a", user_id: "u", other: ["x".repeat(33 * 1024)] },
    code: "EVENT_TOO_LARGE",
  },
];

test.each(refused)("refuses $name", ({ input, code }) => {
  expect(checkEvent(input, arrival, {} as LogEvent)).toBe(code);
});

function accept(input: object, with_: Partial<Arrival> = {}): LogEvent {
  const out = {} as LogEvent;
  expect(checkEvent(input, { ...arrival, ...with_ }, out)).toBeUndefined();
  return out;
}

test("fills what was not sent", () => {
  const out = accept({ event: "a", anonymous_id: "x" });
  expect(out).toEqual({
    project_id: 7,
    event: "a",
    event_id: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
    user_id: "",
    anonymous_id: "x",
    session_id: "",
    timestamp: receivedAtMs,
    received_at: receivedAtMs,
    properties: "{}",
    context: "{}",
    user_agent: "",
  });
});

test("keeps what was sent", () => {
  const properties = { revenue: 12.5, nested: { list: [1, null, "x"] }, __proto__x: 1 };
  const out = accept({ event: "a", user_id: "u", event_id: "e", session_id: "s", properties });
  expect(JSON.parse(out.properties)).toEqual(properties);
  expect(out).toMatchObject({ user_id: "u", event_id: "e", session_id: "s" });
});

test("corrects the sender's clock", () => {
  const clockError = 5 * hourMs;
  const timestamp = receivedAtMs - hourMs + clockError;
  const sentAtMs = receivedAtMs + clockError;
  expect(accept({ event: "a", user_id: "u", timestamp }, { sentAtMs }).timestamp).toBe(receivedAtMs - hourMs);
  expect(accept({ event: "a", user_id: "u", timestamp, sent_at: sentAtMs }).timestamp).toBe(
    receivedAtMs - hourMs,
  );
});

test("a clock that is a year ahead is no future event when the sender says so", () => {
  const ahead = 365 * 24 * hourMs;
  const sent = { event: "a", user_id: "u", timestamp: receivedAtMs + ahead, sent_at: receivedAtMs + ahead };
  expect(accept(sent).timestamp).toBe(receivedAtMs);
});

test("the user agent of the context wins over the browser's", () => {
  const userAgent = "Mozilla/5.0";
  expect(accept({ event: "a", user_id: "u" }, { userAgent }).user_agent).toBe(userAgent);
  const context = { user_agent: "from the app" };
  expect(accept({ event: "a", user_id: "u", context }, { userAgent }).user_agent).toBe("from the app");
});

test("halves of surrogate pairs in properties become U+FFFD, and escapes stay as they are", () => {
  expect(accept({ event: "a", user_id: "u", properties: { a: "\ud800x" } }).properties).toBe(
    '{"a":"\ufffdx"}',
  );
  const path = { a: "C:\\users\\udata" };
  expect(JSON.parse(accept({ event: "a", user_id: "u", properties: path }).properties)).toEqual(path);
});

test("20 levels and exactly 32 KB are taken", () => {
  accept({ event: "a", user_id: "u", properties: nested(20) });
  const empty = Buffer.byteLength(JSON.stringify({ event: "a", user_id: "u", properties: { a: "" } }));
  accept({ event: "a", user_id: "u", properties: { a: "x".repeat(32 * 1024 - empty - 8) } });
});

test.each<{ name: string; sent: object; properties: object }>([
  {
    name: "beside the properties",
    sent: {
      $set: { plan: "pro" },
      $set_once: { a: 1 },
      $unset: ["b"],
      traits: { c: 1 },
      properties: { x: 1 },
    },
    properties: { x: 1, $set: { plan: "pro" }, $set_once: { a: 1 }, $unset: ["b"], traits: { c: 1 } },
  },
  { name: "without properties", sent: { $set: { plan: "pro" } }, properties: { $set: { plan: "pro" } } },
  {
    name: "in both places: the properties win name by name",
    sent: { $set: { plan: "pro", city: "Delft" }, properties: { $set: { plan: "free" } } },
    properties: { $set: { plan: "free", city: "Delft" } },
  },
  { name: "null", sent: { $set: null, properties: { x: 1 } }, properties: { x: 1 } },
])("what an event says of its user travels among its properties: $name", ({ sent, properties }) => {
  expect(JSON.parse(accept({ event: "a", user_id: "u", ...sent }).properties)).toEqual(properties);
});

test("the published contract refuses no event that the edge takes", () => {
  const samples = [
    { event: "a", anonymous_id: "x" },
    {
      event: "a",
      user_id: "u",
      timestamp: receivedAtMs,
      sent_at: receivedAtMs,
      properties: { a: 1 },
      context: {},
    },
    { event: "a", user_id: "u", event_id: "e", session_id: "s", more: true },
  ];
  for (const sample of samples) {
    accept(sample);
    expect([...Value.Errors(eventContract, sample)]).toEqual([]);
  }
});

const places = {
  available: true,
  lookUp: (address: string) => (address === "2.2.2.2" ? { country: "FR", city: "Paris" } : undefined),
};
const place = { country: "NL", region: "Utrecht" };

test.each([
  { name: "of the browser", event: {}, expected: { $country: "NL", $region: "Utrecht" } },
  {
    name: "beside the event's own properties",
    event: { properties: { a: 1 } },
    expected: { a: 1, $country: "NL", $region: "Utrecht" },
  },
  {
    name: "of the address that a server names",
    event: { context: { ip: "2.2.2.2" } },
    expected: { $country: "FR", $city: "Paris" },
  },
  { name: "none for an address that is nowhere", event: { context: { ip: "10.0.0.1" } }, expected: {} },
  {
    name: "not over what the sender knows",
    event: { properties: { $country: "BE" } },
    expected: { $country: "BE" },
  },
])("place $name", ({ event, expected }) => {
  const accepted = accept({ event: "a", user_id: "u", ...event }, { place, places });
  expect(JSON.parse(accepted.properties)).toEqual(expected);
});
