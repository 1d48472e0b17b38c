// GET /v1/events/{event_id}: what became of an event.
import { Type, type Static } from "@sinclair/typebox";
import { eventLimits } from "../events/event.ts";
import { oneOf } from "./one-of.ts";

export const ReceiptQuery = Type.Object(
  { event_id: Type.String({ minLength: 1, maxLength: eventLimits.idLengthMax }) },
  { additionalProperties: false },
);

const Time = Type.Union([Type.String(), Type.Null()]);

export const Receipt = Type.Object(
  {
    event_id: Type.String(),
    status: oneOf(
      ["pending", "stored", "duplicate", "quarantined"],
      "pending: in the log, not stored yet. duplicate: only repeats of an event that is no longer stored are known.",
    ),
    event: Type.Union([Type.String(), Type.Null()]),
    timestamp: Time,
    received_at: Time,
    stored_at: Time,
    duplicates: Type.Integer({ description: "Repeats that were recognised and not counted." }),
    reason: Type.Optional(Type.String({ description: "Why it was quarantined." })),
    message: Type.Optional(Type.String()),
  },
  { $id: "Receipt" },
);
export type Receipt = Static<typeof Receipt>;
