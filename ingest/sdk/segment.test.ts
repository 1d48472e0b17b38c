import { describe, expect, it } from "vitest";
import { parseSegment } from "./segment.ts";

const sentAt = "2026-11-22T10:00:05.000Z";
const timestamp = "2026-11-22T10:00:00.000Z";

describe("messages of Segment", () => {
  const cases: { name: string; message: object; event: object }[] = [
    {
      name: "track",
      message: { type: "track", userId: "u1", event: "Order Completed", properties: { revenue: 9.5 } },
      event: { event: "Order Completed", user_id: "u1", properties: { revenue: 9.5 } },
    },
    {
      name: "identify joins the anonymous id and sets traits",
      message: { type: "identify", userId: "u1", anonymousId: "an1", traits: { email: "a@b.c" } },
      event: {
        event: "identify",
        user_id: "u1",
        anonymous_id: "an1",
        properties: { $set: { email: "a@b.c" } },
      },
    },
    {
      name: "page keeps its name and category",
      message: { type: "page", anonymousId: "an1", name: "Home", properties: { url: "http://x" } },
      event: { event: "page", anonymous_id: "an1", properties: { url: "http://x", name: "Home" } },
    },
    {
      name: "screen",
      message: { type: "screen", anonymousId: "an1", category: "Docs", name: "Start" },
      event: { event: "screen", properties: { category: "Docs", name: "Start" } },
    },
    {
      name: "group keeps the group's traits apart from the user's",
      message: { type: "group", userId: "u1", groupId: "g1", traits: { seats: 3 } },
      event: { event: "group", properties: { group_id: "g1", group_traits: { seats: 3 } } },
    },
    {
      name: "alias",
      message: { type: "alias", userId: "u1", previousId: "an1" },
      event: { event: "alias", user_id: "u1", properties: { previousId: "an1" } },
    },
    {
      name: "ids that are numbers",
      message: { type: "track", userId: 7, event: "e", messageId: 12 },
      event: { event: "e", user_id: "7", event_id: "12" },
    },
    {
      name: "times",
      message: { type: "track", userId: "u1", event: "e", timestamp },
      event: { timestamp, sent_at: Date.parse(sentAt) },
    },
  ];

  it.each(cases)("$name", ({ message, event }) => {
    const { events, writeKey } = parseSegment({ batch: [message], writeKey: "k", sentAt }, "batch");
    expect(writeKey).toBe("k");
    expect(events).toEqual([expect.objectContaining(event)]);
  });

  it("a path of one type needs no batch, and its own time of sending counts", () => {
    const { events } = parseSegment({ userId: "u1", event: "e", timestamp, sentAt }, "track");
    expect(events).toEqual([
      expect.objectContaining({ event: "e", user_id: "u1", sent_at: Date.parse(sentAt) }),
    ]);
  });

  it("the context of a batch is every message's, the message's own wins", () => {
    const context = { library: { name: "l" }, locale: "nl" };
    const message = { type: "track", userId: "u1", event: "e", context: { locale: "de" } };
    const { events } = parseSegment({ batch: [message], context }, "batch");
    expect(events[0]).toMatchObject({ context: { library: { name: "l" }, locale: "de" } });
  });

  it("a time of sending that cannot be read corrects nothing", () => {
    const { events } = parseSegment({ userId: "u1", event: "e", timestamp, sentAt: "soon" }, "track");
    expect(events[0]).not.toHaveProperty("sent_at");
  });

  it.each([
    { name: "no object", body: [1], code: "INVALID_BODY" },
    { name: "no list", body: { batch: {} }, code: "INVALID_BODY" },
    { name: "nothing in it", body: { batch: [] }, code: "EMPTY_BODY" },
  ])("refuses $name", ({ body, code }) => {
    expect(() => parseSegment(body, "batch")).toThrow(expect.objectContaining({ code }) as Error);
  });
});
