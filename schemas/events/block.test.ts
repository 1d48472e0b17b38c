import { describe, expect, it } from "vitest";
import { blockFingerprint, BlockWriter, decodeBlock } from "./block.ts";
import type { LogEvent } from "./event.ts";

function buildEvent(index: number): LogEvent {
  return {
    project_id: 3,
    event: "order placed ✓",
    event_id: `id-${index}`,
    user_id: index % 2 === 0 ? `user ${index}` : "",
    anonymous_id: "a",
    session_id: "",
    timestamp: index === 0 ? Date.UTC(1901, 0, 1) : 1_789_000_000_123 + index,
    received_at: 1_789_000_000_999,
    properties: JSON.stringify({ index, text: "é\u0000\u{1f600}".repeat(index % 50) }),
    context: "{}",
    user_agent: "",
  };
}

describe("block", () => {
  it.each([0, 1, 2, 63, 64, 100, 8191, 8192])("gives back %i events as they were", (count) => {
    const writer = new BlockWriter(16);
    const events = Array.from({ length: count }, (_, index) => buildEvent(index));
    for (const event of events) writer.append(event);
    expect(writer.count).toBe(count);
    expect(decodeBlock(writer.finish(), blockFingerprint).map((event) => ({ ...event }))).toEqual(events);
  });

  it("refuses an unknown schema and damaged bytes", () => {
    const writer = new BlockWriter();
    writer.append(buildEvent(1));
    const bytes = writer.finish();
    expect(() => decodeBlock(bytes, "00")).toThrow(/unknown block schema/);
    expect(() => decodeBlock(bytes.subarray(0, bytes.length - 5), blockFingerprint)).toThrow();
    expect(() =>
      decodeBlock(new Uint8Array([0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), blockFingerprint),
    ).toThrow();
  });
});
