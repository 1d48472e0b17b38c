import { expect, it } from "vitest";
import { blockFingerprint, BlockWriter, decodeBlock } from "./block.ts";
import { bytesOf, encodeBytes, encodeLong, encodeString } from "./event-text.ts";
import type { LogEvent } from "./event.ts";

const texts = ["", "a", "é", "日本\u0000", "\u{1f600}", "x".repeat(63), "x".repeat(64), "é".repeat(3_000)];
const numbers = [0, 1, 63, 64, -1, -64, -65, 2 ** 31, Date.UTC(1901, 0, 1), 1_795_000_000_123, 2 ** 51];

function encode(event: LogEvent): string {
  return (
    encodeLong(event.project_id) +
    [event.event, event.event_id, event.user_id, event.anonymous_id, event.session_id]
      .map(encodeString)
      .join("") +
    encodeLong(event.timestamp) +
    encodeLong(event.received_at) +
    [event.properties, event.context, event.user_agent].map(encodeString).join("")
  );
}

it("gives the bytes that the encoder of any event gives", () => {
  const [parts, whole] = [new BlockWriter(16), new BlockWriter(16)];
  let number = 0;
  const text = (): string => texts[number++ % texts.length] as string;
  for (const time of numbers) {
    const event: LogEvent = {
      project_id: number,
      event: text(),
      event_id: text(),
      user_id: text(),
      anonymous_id: text(),
      session_id: text(),
      timestamp: time,
      received_at: -time,
      properties: text(),
      context: text(),
      user_agent: text(),
    };
    parts.appendText(encode(event));
    whole.append(event);
  }
  expect(parts.count).toBe(numbers.length);
  const bytes = parts.finish();
  expect(Buffer.from(bytes).equals(whole.finish())).toBe(true);
  expect(decodeBlock(bytes, blockFingerprint)).toHaveLength(numbers.length);
});

it.each(texts)("joins parts of text as bytes (%#)", (text) => {
  expect(encodeBytes(bytesOf("ä") + bytesOf(text))).toBe(encodeString(`ä${text}`));
});
