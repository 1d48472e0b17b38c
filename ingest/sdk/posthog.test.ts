import { describe, expect, it } from "vitest";
import { parsePostHog, type PostHogArrival } from "./posthog.ts";

const nowMs = Date.parse("2026-11-22T10:00:10.000Z");
const arrival: PostHogArrival = { nowMs, sentAt: null, nameDefault: undefined, sdk: "" };
const timestamp = "2026-11-22T10:00:00.000Z";
const sent_at = "2026-11-22T10:00:05.000Z";

function parseOne(event: object, more: Partial<PostHogArrival> = {}): unknown {
  return parsePostHog({ api_key: "k", batch: [event], sent_at }, { ...arrival, ...more }).events[0];
}

describe("events of PostHog", () => {
  it.each([
    { name: "an event", body: { event: "e", distinct_id: "d", api_key: "k" } },
    { name: "a list", body: [{ event: "e", properties: { distinct_id: "d", token: "k" } }] },
    { name: "a batch", body: { token: "k", batch: [{ event: "e", distinct_id: "d" }] } },
  ])("come as $name", ({ body }) => {
    expect(parsePostHog(body, arrival)).toMatchObject({
      token: "k",
      events: [{ event: "e", anonymous_id: "d" }],
    });
  });

  const ids: { name: string; event: object; expected: Record<string, unknown> & { user_id?: string } }[] = [
    {
      name: "an id that nobody has identified is anonymous",
      event: { event: "e", distinct_id: "d" },
      expected: { anonymous_id: "d" },
    },
    {
      name: "an id that the browser says is identified",
      event: { event: "e", properties: { distinct_id: "d", $is_identified: true } },
      expected: { anonymous_id: "d", user_id: "d" },
    },
    {
      name: "the same from an older browser client",
      event: { event: "e", properties: { distinct_id: "d", $user_id: "d" } },
      expected: { anonymous_id: "d", user_id: "d" },
    },
    {
      name: "$identify joins both spellings of its id, and the one before",
      event: { event: "$identify", distinct_id: "u", properties: { $anon_distinct_id: 5 } },
      expected: { user_id: "u", anonymous_id: "u", properties: { $anon_distinct_id: "5" } },
    },
    {
      name: "$create_alias",
      event: { event: "$create_alias", distinct_id: "u", properties: { distinct_id: "u", alias: "d" } },
      expected: { anonymous_id: "u", properties: { alias: "d" } },
    },
    { name: "a number", event: { event: "e", distinct_id: 7 }, expected: { anonymous_id: "7" } },
    {
      name: "a long id is cut as PostHog cuts it",
      event: { event: "e", distinct_id: "d".repeat(300) },
      expected: { anonymous_id: "d".repeat(200) },
    },
  ];

  it.each(ids)("$name", ({ event, expected }) => {
    const parsed = parseOne(event) as Record<string, unknown>;
    expect(parsed).toMatchObject(expected);
    expect(parsed["user_id"]).toBe(expected.user_id);
  });

  it("keep their properties, without the key and the id", () => {
    const properties = { a: 1, token: "k", distinct_id: "d", $insert_id: "i" };
    expect(parseOne({ event: "$pageview", properties, $set: { name: "A" } })).toMatchObject({
      event: "$pageview",
      event_id: "i",
      properties: { a: 1, $insert_id: "i", $set: { name: "A" } },
    });
    expect(parseOne({ event: "e", properties })).not.toHaveProperty("properties.token");
    expect(parseOne({ event: "e", distinct_id: "d", uuid: "x", properties })).toMatchObject({
      event_id: "x",
    });
  });

  it("times are corrected unless the sender forbids it", () => {
    const base = { event: "e", distinct_id: "d", timestamp };
    expect(parseOne(base)).toMatchObject({ timestamp, sent_at: Date.parse(sent_at) });
    expect(parseOne({ ...base, properties: { $ignore_sent_at: true } })).not.toHaveProperty("sent_at");
    expect(parseOne({ ...base, options: { disable_skew_correction: true } })).not.toHaveProperty("sent_at");
    expect(parseOne({ event: "e", distinct_id: "d", offset: 4_000 })).toMatchObject({
      timestamp: nowMs - 4_000,
    });
  });

  it("the newer format names the client in a header", () => {
    expect(parseOne({ event: "e", session_id: "s" }, { sdk: "posthog-node/5.7.0" })).toMatchObject({
      session_id: "s",
      properties: { $lib: "posthog-node", $lib_version: "5.7.0" },
    });
  });

  it.each([
    { name: "no object", body: "text", code: "INVALID_BODY" },
    { name: "no list", body: { batch: 1 }, code: "INVALID_BODY" },
    { name: "nothing in it", body: { batch: [] }, code: "EMPTY_BODY" },
    {
      name: "two tokens",
      body: [
        { event: "a", token: "k" },
        { event: "a", token: "l" },
      ],
      code: "UNAUTHORIZED",
    },
  ])("refuses $name", ({ body, code }) => {
    expect(() => parsePostHog(body, arrival)).toThrow(expect.objectContaining({ code }) as Error);
  });
});
