// The live feed: events as they are stored.
import { LiveParameters } from "../live/live-filter.ts";
import { inQuery, type Operation } from "./operation.ts";

export const liveOperations: readonly Operation[] = [
  {
    method: "GET",
    path: "/v1/live",
    cors: "any",
    scope: "read",
    tag: "Ingestion",
    summary: "Events as they are stored",
    description:
      "Server-sent events, or the same over a WebSocket when the request asks for one: `event` for each stored event " +
      "that matches, in order within a partition of the log; `open` when listening has begun; `skipped` with a number " +
      "when there were more than can be told; `gap` when some may be missing; `end` with a code as the last one. " +
      "`stream=counters` gives one `counters` a second instead: events and users by event name. Each message of a " +
      'WebSocket is `{"type":…,"data":…}`. The key is taken from the header, from `key`, or from a WebSocket\'s first ' +
      'frame `{"key":"<read key>"}`. A reader that is too slow is disconnected with `LISTENER_TOO_SLOW`. Nothing is ' +
      "repeated: for every event there are exports.",
    parameters: inQuery(LiveParameters),
    success: { status: 200, description: "The stream.", content: "text/event-stream" },
    errors: [
      "INVALID_PARAMETER",
      "INVALID_QUERY",
      "TOO_MANY_LISTENERS",
      "LISTENER_TOO_SLOW",
      "SHUTTING_DOWN",
    ],
  },
];
