// Contracts of ingestion as the OpenAPI document shows them. Events are checked by hand-written code on the edge's
// hot path (ingest/events/check-event.ts); a test holds the two equal.
import { Type } from "@sinclair/typebox";
import { errorCatalogue } from "../errors.ts";
import { eventLimits } from "../events/event.ts";

const id = (description: string) =>
  Type.String({ minLength: 1, maxLength: eventLimits.idLengthMax, description });

const time = (description: string) =>
  Type.Union([Type.String({ format: "date-time" }), Type.Number()], { description });

const userProperties = (description: string) =>
  Type.Record(Type.String(), Type.Unknown(), {
    description: `${description} Also taken from \`properties\`.`,
  });

export const eventContract = Type.Object(
  {
    event: Type.String({ minLength: 1, maxLength: eventLimits.nameLengthMax, description: "What happened." }),
    user_id: Type.Optional(id("Who did it. One of `user_id` and `anonymous_id` is required.")),
    anonymous_id: Type.Optional(id("Who did it, before the person is known.")),
    event_id: Type.Optional(
      id("Makes a retry safe: the same id counts once. Made at the edge when it is missing."),
    ),
    timestamp: Type.Optional(
      time(
        "When it happened: ISO 8601 (without zone: UTC) or epoch milliseconds, 1900 or later, at most 24 hours in " +
          "the future. Default: the arrival.",
      ),
    ),
    sent_at: Type.Optional(
      time("The sender's clock when it sent the request: corrects `timestamp` for a wrong clock."),
    ),
    session_id: Type.Optional(id("The visit it belongs to.")),
    properties: Type.Optional(
      Type.Record(Type.String(), Type.Unknown(), {
        description: `Anything about the event; nested at most ${eventLimits.nestingDepthMax} levels.`,
      }),
    ),
    $set: Type.Optional(
      userProperties("Properties of the user from now on: the latest value of each counts."),
    ),
    $set_once: Type.Optional(
      userProperties("Properties of the user that has no value yet: the earliest value of each counts."),
    ),
    $unset: Type.Optional(
      Type.Union([Type.Array(Type.String()), Type.Record(Type.String(), Type.Unknown())], {
        description: "Names of properties of the user that have no value any more.",
      }),
    ),
    traits: Type.Optional(userProperties("Of events named `identify` or `$identify`: the same as `$set`.")),
    context: Type.Optional(
      Type.Record(Type.String(), Type.Unknown(), {
        description: "Circumstances: `page.url`, `page.referrer`, `user_agent` and others.",
      }),
    ),
  },
  {
    $id: "Event",
    description: `One event, at most ${eventLimits.eventBytesMax / 1024} KB of JSON. Fields that are not listed are ignored.`,
    additionalProperties: true,
  },
);

export const eventsBodyContract = Type.Union([
  eventContract,
  Type.Array(eventContract, { minItems: 1, maxItems: eventLimits.eventsPerRequestMax }),
  Type.Object({
    batch: Type.Array(eventContract, { minItems: 1, maxItems: eventLimits.eventsPerRequestMax }),
    sent_at: Type.Optional(time("The sender's clock, for all events of the batch.")),
  }),
]);

const codes = Object.keys(errorCatalogue);

export const verdictsContract = Type.Object({
  accepted: Type.Integer({ description: "Events that are in the log." }),
  rejected: Type.Array(
    Type.Object({
      index: Type.Integer({ description: "Place of the event in the request, from 0." }),
      event_id: Type.Optional(Type.String()),
      code: Type.String({ enum: codes }),
      message: Type.String(),
    }),
  ),
});

export const errorContract = Type.Object(
  {
    error: Type.Object({
      code: Type.String({ enum: codes }),
      message: Type.String(),
      details: Type.Array(Type.Unknown()),
      request_id: Type.String(),
    }),
  },
  { $id: "Error" },
);
