// Segment's HTTP tracking format ▸ our events. Pure.
//   track ▸ its event; page, screen ▸ "page", "screen" with name and category; group ▸ "group" with group_id and
//   group_traits; identify ▸ "identify" with traits as $set; alias ▸ "alias" with previousId
// Segment's specification corrects a time as we do: receivedAt − (sentAt − timestamp).
import { MillraceError } from "#schemas/errors.ts";
import type { SentEvent } from "../events/check-event.ts";
import { firstText, idText, isMembers, membersOf, readableTime, type Members } from "./wire-values.ts";

export const segmentTypes = ["track", "identify", "page", "screen", "group", "alias"] as const;
export type SegmentType = (typeof segmentTypes)[number];

export interface SegmentRequest {
  /** Empty when the body holds none. */
  readonly writeKey: string;
  /** Values that are no objects stay as they are, and are rejected one by one. */
  readonly events: readonly unknown[];
}

/** Throws INVALID_BODY, EMPTY_BODY. */
export function parseSegment(body: unknown, type: SegmentType | "batch"): SegmentRequest {
  if (!isMembers(body)) {
    throw new MillraceError("INVALID_BODY", { message: "The body must be a JSON object." });
  }
  const writeKey = firstText(body["writeKey"]) ?? "";
  const sentAt = readableTime(body["sentAt"]);
  if (type !== "batch") return { writeKey, events: [toEvent(body, type, sentAt, {})] };
  const { batch } = body;
  if (!Array.isArray(batch)) {
    throw new MillraceError("INVALID_BODY", { message: "`batch` must be an array of messages." });
  }
  if (batch.length === 0) throw new MillraceError("EMPTY_BODY");
  const context = membersOf(body["context"]);
  return {
    writeKey,
    events: batch.map((message: unknown) =>
      isMembers(message) ? toEvent(message, message["type"], sentAt, context) : message,
    ),
  };
}

function toEvent(
  message: Members,
  type: unknown,
  sentAt: number | undefined,
  sharedContext: Members,
): SentEvent {
  const context = message["context"] ?? undefined;
  const timestamp = message["timestamp"] ?? message["originalTimestamp"] ?? undefined;
  const ownSentAt = readableTime(message["sentAt"]) ?? sentAt;
  return {
    ...describe(message, type),
    user_id: idText(message["userId"]),
    anonymous_id: idText(message["anonymousId"]),
    event_id: idText(message["messageId"]),
    ...(timestamp === undefined ? {} : { timestamp }),
    ...(ownSentAt === undefined ? {} : { sent_at: ownSentAt }),
    context: context === undefined || isMembers(context) ? { ...sharedContext, ...context } : context,
  };
}

function describe(message: Members, type: unknown): { event: unknown; properties?: unknown } {
  const properties = message["properties"] ?? undefined;
  switch (type) {
    case "identify":
      return { event: "identify", properties: { $set: message["traits"] ?? {} } };
    case "page":
    case "screen": {
      if (properties !== undefined && !isMembers(properties)) return { event: type, properties };
      return { event: type, properties: { ...properties, ...pick(message, "name", "category") } };
    }
    case "group":
      return {
        event: "group",
        // Not `traits`: these are the group's, not the user's.
        properties: { group_id: idText(message["groupId"]), group_traits: message["traits"] ?? {} },
      };
    case "alias":
      return { event: "alias", properties: { previousId: idText(message["previousId"]) } };
    default:
      // A batch says what each message is; what it does not know is told by the missing name of an event.
      return { event: message["event"], ...(properties === undefined ? {} : { properties }) };
  }
}

function pick(message: Members, ...names: string[]): Members {
  return Object.fromEntries(
    names.filter((name) => typeof message[name] === "string").map((name) => [name, message[name]]),
  );
}
