// Which stored events a listener of the live feed wants: the shape that travels from the edge to the workers.
import { Type, type Static } from "@sinclair/typebox";
import type { Filter } from "../query/filter.ts";
import { queryLimits } from "../query/limits.ts";
import { oneOf } from "../query/one-of.ts";

export const liveLimits = {
  /** Names of events that one listener may ask for. */
  eventsMax: 100,
  filtersTextLengthMax: 16_384,
  /** Different filters of one project on one edge: each is tried on each of the project's events. */
  filtersMax: 64,
  /** Events of one batch that one filter gets; the rest is counted as skipped. A batch is at most two a second. */
  eventsPerBatchMax: 1_000,
  /** Bytes of one batch for all filters of a project. */
  bytesPerBatchMax: 4 * 1024 * 1024,
} as const;

export interface LiveFilter {
  /** Empty: every event. */
  readonly events: readonly string[];
  /** Equals the event's `user_id` or its `anonymous_id`; empty: everybody. */
  readonly user: string;
  /** Of properties only, without those of people. */
  readonly filters: readonly Filter[];
}

const Name = Type.String({ minLength: 1, maxLength: queryLimits.nameLengthMax });

/** GET /v1/live: the query string. */
export const LiveParameters = Type.Object(
  {
    stream: Type.Optional(
      oneOf(["events", "counters"], "Every event, or what each second brought; default events."),
    ),
    event: Type.Optional(
      Type.Union([Name, Type.Array(Name, { maxItems: liveLimits.eventsMax })], {
        description: "Only events of this name; may be given several times.",
      }),
    ),
    user: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: queryLimits.nameLengthMax,
        description: "Only events whose `user_id` or `anonymous_id` this is.",
      }),
    ),
    filters: Type.Optional(
      Type.String({
        maxLength: liveLimits.filtersTextLengthMax,
        description: "JSON text of a list of filters by properties of events, as in queries.",
      }),
    ),
    key: Type.Optional(
      Type.String({
        maxLength: 512,
        description:
          "A read key, for clients that cannot set headers (`EventSource`, browsers' `WebSocket`).",
      }),
    ),
  },
  { additionalProperties: false, $id: "LiveParameters" },
);
export type LiveParameters = Static<typeof LiveParameters>;
