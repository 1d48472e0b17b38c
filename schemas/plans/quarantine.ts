// Events that are kept aside: how they are listed, changed and sent on their way again.
import { Type, type Static } from "@sinclair/typebox";

export const quarantineLimits = {
  pageDefault: 100,
  pageMax: 1_000,
  /** Of a page's payloads; it ends early, and says that there are more. */
  pageBytesMax: 3 * 1024 * 1024,
  /** Events that one request replays; it says how many are left. */
  replayMax: 10_000,
  idsMax: 10_000,
} as const;

const instant = (description: string) =>
  Type.Optional(Type.String({ description: `${description}: an ISO 8601 time, of arrival.`, maxLength: 40 }));

/** Which events are meant; all that are given must fit. */
export const QuarantineFilter = Type.Object(
  {
    event: Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: "Name of the event." })),
    code: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 100,
        description: "Why it was kept aside, for example PLAN_VIOLATED.",
      }),
    ),
    from: instant("Not before"),
    to: instant("Not after"),
  },
  { additionalProperties: false },
);
export type QuarantineFilter = Static<typeof QuarantineFilter>;

const ids = Type.Optional(
  Type.Array(Type.String({ minLength: 1, maxLength: 200 }), {
    minItems: 1,
    maxItems: quarantineLimits.idsMax,
    description: "Ids of events.",
  }),
);

export const QuarantineList = Type.Object(
  {
    ...QuarantineFilter.properties,
    limit: Type.Optional(
      Type.Union(
        [Type.Integer({ minimum: 1, maximum: quarantineLimits.pageMax }), Type.String({ maxLength: 10 })],
        {
          description: `Events of a page, at most ${quarantineLimits.pageMax}; default ${quarantineLimits.pageDefault}.`,
        },
      ),
    ),
    cursor: Type.Optional(Type.String({ maxLength: 1_000, description: "`next` of the page before." })),
  },
  { additionalProperties: false },
);
export type QuarantineList = Static<typeof QuarantineList>;

export const QuarantineRemoval = Type.Object(
  { ...QuarantineFilter.properties, ids },
  { additionalProperties: false },
);
export type QuarantineRemoval = Static<typeof QuarantineRemoval>;

/** One answer of `svc.query.quarantined_payloads`: whole events of the log, to be replayed or deleted. */
export interface QuarantinedPayloads {
  readonly payloads: readonly Record<string, unknown>[];
  /** Of the same page: kept aside, but stored before or since; they are taken out. */
  readonly stored: readonly string[];
  /** Where the next page begins; null after the last. */
  readonly next: string | null;
  /** By the store's clock: what is kept aside later is not meant. */
  readonly asOf: string;
}

export const QuarantineReplay = Type.Object(
  {
    ...QuarantineFilter.properties,
    ids,
    patch: Type.Optional(
      Type.Object(
        {
          event: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
          timestamp: Type.Optional(Type.String({ maxLength: 40 })),
          properties: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
          context: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
        },
        {
          additionalProperties: false,
          description: "Merged into each event as RFC 7396 says: null removes a member.",
        },
      ),
    ),
  },
  { additionalProperties: false },
);
export type QuarantineReplay = Static<typeof QuarantineReplay>;

export const QuarantinedEvent = Type.Object({
  event_id: Type.String(),
  event: Type.String(),
  code: Type.String(),
  message: Type.String(),
  received_at: Type.String({ format: "date-time" }),
  payload: Type.Record(Type.String(), Type.Unknown(), { description: "The event as it was sent." }),
});
export type QuarantinedEvent = Static<typeof QuarantinedEvent>;

export const QuarantinePage = Type.Object({
  events: Type.Array(QuarantinedEvent),
  next: Type.Union([Type.String(), Type.Null()]),
});
export type QuarantinePage = Static<typeof QuarantinePage>;
