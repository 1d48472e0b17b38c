// What an alert noticed, and what became of telling it: the history, and the body of a webhook.
import { Type, type Static } from "@sinclair/typebox";
import { oneOf } from "../query/one-of.ts";
import { Bucket } from "./alert.ts";

const Time = Type.String({ format: "date-time" });
const TimeOrNull = Type.Union([Time, Type.Null()]);

const deliveryKinds = ["opened", "closed", "test"] as const;
export type DeliveryKind = (typeof deliveryKinds)[number];
const deliveryStates = ["pending", "delivered", "failed", "cancelled"] as const;
const closeReasons = ["resolved", "changed", "disabled"] as const;
export type CloseReason = (typeof closeReasons)[number];

export const Delivery = Type.Object(
  {
    delivery_id: Type.String({ description: "The same in every attempt: receivers drop repeats by it." }),
    kind: oneOf(deliveryKinds),
    destination: Type.Record(Type.String(), Type.String()),
    state: oneOf(deliveryStates, "failed: all attempts were used; cancelled: the destination was removed."),
    attempts: Type.Integer(),
    last_status: Type.Union([Type.Integer(), Type.Null()], {
      description: "HTTP status of the last answer.",
    }),
    last_error: Type.Union([Type.String(), Type.Null()]),
    last_attempt_at: TimeOrNull,
    next_attempt_at: TimeOrNull,
  },
  { $id: "AlertDelivery" },
);
export type Delivery = Static<typeof Delivery>;

export const Incident = Type.Object(
  {
    id: Type.String(),
    opened_at: Time,
    opened_by: Bucket,
    closed_at: TimeOrNull,
    closed_by: Type.Union([Bucket, Type.Null()]),
    close_reason: Type.Union([oneOf(closeReasons), Type.Null()]),
    deliveries: Type.Array(Delivery),
  },
  { $id: "AlertIncident" },
);
export type Incident = Static<typeof Incident>;

/** What a webhook receives; mail says the same in words. */
export const AlertNotification = Type.Object(
  {
    delivery_id: Type.String(),
    type: oneOf(["alert.opened", "alert.closed", "alert.test"]),
    created_at: Time,
    alert: Type.Object({ id: Type.String(), name: Type.String() }),
    incident: Type.Union([
      Type.Object({
        id: Type.String(),
        opened_at: Time,
        closed_at: TimeOrNull,
        close_reason: Type.Union([oneOf(closeReasons), Type.Null()]),
      }),
      Type.Null(),
    ]),
    bucket: Type.Union([Bucket, Type.Null()], { description: "The bucket that opened or closed it." }),
  },
  { $id: "AlertNotification" },
);
export type AlertNotification = Static<typeof AlertNotification>;
