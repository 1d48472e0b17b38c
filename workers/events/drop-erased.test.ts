import { describe, expect, it } from "vitest";
import { hash128 } from "#schemas/hash.ts";
import type { LogEvent } from "#schemas/events/event.ts";
import { shareErased, type ErasedKey } from "../erasure/shared-erased.ts";
import { dropErased } from "./drop-erased.ts";
import type { PipelineEvent } from "./pipeline-event.ts";

function keyOf(projectId: number, userKey: string, beforeMs: number): ErasedKey {
  const hash = new Uint32Array(4);
  hash128(projectId, userKey, hash);
  return { words: [hash[1] as number, hash[2] as number, hash[3] as number], beforeMs };
}

function eventOf(change: Partial<LogEvent>, handedOverMs = Number.POSITIVE_INFINITY): PipelineEvent {
  const log = { project_id: 1, user_id: "", anonymous_id: "", received_at: 1000, ...change } as LogEvent;
  const sinceMs = Math.min(log.received_at, handedOverMs);
  return { log, sinceMs, sequence: 1, index: 0, userNumber: -1, sessionId: "" };
}

describe("dropErased", () => {
  const erased = shareErased([keyOf(1, "u:ann", 500), keyOf(1, "u:ann", 1000), keyOf(1, "a:phone", 1000)]);

  it.each([
    { name: "what was received before", event: { user_id: "ann" }, kept: false },
    { name: "what was received after", event: { user_id: "ann", received_at: 1001 }, kept: true },
    { name: "an anonymous id", event: { anonymous_id: "phone" }, kept: false },
    { name: "a user id that reads like the anonymous one", event: { user_id: "phone" }, kept: true },
    { name: "another user on the same device", event: { user_id: "bob", anonymous_id: "phone" }, kept: true },
    { name: "the same id of another project", event: { project_id: 2, user_id: "ann" }, kept: true },
  ])("$name", ({ event, kept }) => {
    const events = [eventOf(event)];
    expect(dropErased(events, erased)).toEqual({ kept: kept ? events : [], dropped: kept ? 0 : 1 });
  });

  it("drops a row that is read after the erasure out of a file that came before it", () => {
    const before = eventOf({ user_id: "ann", received_at: 5_000 }, 900);
    const after = eventOf({ user_id: "ann", received_at: 5_000 }, 1_001);
    expect(dropErased([before, after], erased)).toEqual({ kept: [after], dropped: 1 });
  });

  it("keeps everything while nobody was erased", () => {
    const events = [eventOf({ user_id: "ann" })];
    expect(dropErased(events, shareErased([]))).toEqual({ kept: events, dropped: 0 });
  });
});
