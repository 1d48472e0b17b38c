// Ingestion: events in, and what became of them.
import { Type } from "@sinclair/typebox";
import { Receipt } from "../query/receipt.ts";
import { eventsBodyContract, verdictsContract } from "./event-contracts.ts";
import { json, type Operation } from "./operation.ts";

export const ingestionOperations: readonly Operation[] = [
  {
    method: "POST",
    path: "/v1/events",
    cors: "any",
    scope: "write",
    tag: "Ingestion",
    summary: "Send events",
    description:
      'One event, an array, `{"batch":[…]}` or NDJSON; gzip, br and deflate are understood. The answer comes when ' +
      "the log holds the accepted events on disk. One bad event never rejects its neighbours; a line of NDJSON that " +
      "is not JSON is rejected alone. 400 with the same body (and `error`) when no event was accepted.",
    body: {
      [json]: eventsBodyContract,
      "application/x-ndjson": Type.String({ description: "One event a line." }),
    },
    success: {
      status: 202,
      description: "What became of each event.",
      content: json,
      schema: verdictsContract,
    },
    errors: [
      "MALFORMED_JSON",
      "INVALID_ENCODING",
      "MALFORMED_COMPRESSION",
      "EMPTY_BODY",
      "INVALID_BODY",
      "NO_EVENT_ACCEPTED",
      "REQUEST_TIMEOUT",
      "BODY_TOO_LARGE",
      "TOO_MANY_EVENTS",
      "UNSUPPORTED_MEDIA_TYPE",
      "RATE_LIMITED",
      "BEHIND",
      "LOG_UNAVAILABLE",
    ],
  },
  {
    method: "GET",
    path: "/v1/ingest",
    scope: null,
    tag: "Ingestion",
    summary: "Send events over a WebSocket",
    description:
      'The first frame is `{"key":"<write key>"}`; it is answered only when the key is refused. Each further text ' +
      "frame is one event, an array or a batch, as in `POST /v1/events`, and is answered in order with " +
      '`{"ack":n,"accepted":…,"rejected":[…]}` once the log holds its accepted events; `n` counts the frames from 1, ' +
      "without the first. A frame that could not be taken is answered with `error` beside it and may be sent " +
      "again with the same event ids. Answers come late while the log is behind; more than 64 unanswered frames end " +
      "the connection.",
    success: { status: 101, description: "The connection is open.", content: json },
    errors: ["UPGRADE_REQUIRED"],
  },
  {
    method: "GET",
    path: "/v1/events/{event_id}",
    service: { subject: "svc.query.receipt", msMax: 5_000 },
    scope: "read",
    tag: "Ingestion",
    summary: "The receipt of an event",
    parameters: [
      {
        name: "event_id",
        in: "path",
        description: "Id that the event was sent with.",
        schema: Type.String(),
      },
    ],
    success: {
      status: 200,
      description: "pending, stored, duplicate or quarantined.",
      content: json,
      schema: Receipt,
    },
    errors: ["EVENT_NOT_FOUND"],
  },
];
