// Contracts of the users' routes: what is known of a person, joining ids, separating them.
import { Type, type Static } from "@sinclair/typebox";
import { eventLimits } from "../events/event.ts";

export const userLimits = {
  /** Ids of one request. */
  idsPerRequestMax: 1000,
  /** Ids of a person in an answer. */
  idsShownMax: 1000,
  propertiesShownMax: 1000,
  lastEventsMax: 20,
} as const;

const ids = Type.Array(Type.String({ minLength: 1, maxLength: eventLimits.idLengthMax }), {
  minItems: 1,
  maxItems: userLimits.idsPerRequestMax,
  description: "Each names the user id and the anonymous id of that text.",
});

export const mergeContract = Type.Object({ ids }, { $id: "UserMerge", additionalProperties: false });

export const unmergeContract = Type.Object(
  { ids: Type.Optional(ids) },
  { $id: "UserUnmerge", additionalProperties: false },
);

const idsShown = Type.Array(Type.String(), {
  description: `All ids of the person, the one that stands for it first; at most ${userLimits.idsShownMax}.`,
});

export const personIdsContract = Type.Object({
  id: Type.String({ description: "The id that stands for the person." }),
  ids: idsShown,
});
export type PersonIds = Static<typeof personIdsContract>;

const time = Type.String({ format: "date-time" });

export const profileContract = Type.Object(
  {
    id: Type.String({ description: "The id that stands for the person." }),
    ids: idsShown,
    aliases: Type.Array(Type.String(), {
      description: "The ids without the one that stands for the person.",
    }),
    user_ids: Type.Array(Type.String(), { description: "Those that events carried as `user_id`." }),
    anonymous_ids: Type.Array(Type.String(), { description: "Those that events carried as `anonymous_id`." }),
    properties: Type.Record(Type.String(), Type.Unknown(), {
      description: `What events set, as it is now; at most ${userLimits.propertiesShownMax}, by name.`,
    }),
    first_seen: Type.Union([time, Type.Null()]),
    last_seen: Type.Union([time, Type.Null()]),
    event_count: Type.Integer(),
    last_events: Type.Array(
      Type.Object({
        event: Type.String(),
        event_id: Type.String(),
        timestamp: time,
        user_id: Type.Union([Type.String(), Type.Null()]),
        anonymous_id: Type.Union([Type.String(), Type.Null()]),
        session_id: Type.String(),
        properties: Type.Record(Type.String(), Type.Unknown()),
      }),
      { description: `The latest ${userLimits.lastEventsMax}, newest first.` },
    ),
  },
  { $id: "UserProfile" },
);
export type Profile = Static<typeof profileContract>;
