// An event as it travels from the edge to the workers, after the envelope was checked.

/** Bounds of the envelope; also stated in the public contract. */
export const eventLimits = {
  eventBytesMax: 32 * 1024,
  eventsPerRequestMax: 10_000,
  bodyBytesMax: 10 * 1024 * 1024,
  nameLengthMax: 200,
  idLengthMax: 200,
  nestingDepthMax: 20,
  futureMsMax: 24 * 3600 * 1000,
} as const;

/**
 * One event in the log. Absent ids are empty strings (cheaper than a union in Avro, and an empty id is
 * refused at the edge, so nothing is confused).
 */
export interface LogEvent {
  project_id: number;
  event: string;
  event_id: string;
  user_id: string;
  anonymous_id: string;
  session_id: string;
  /** Epoch milliseconds, corrected for clock skew when the sender gave `sent_at`. */
  timestamp: number;
  /** Epoch milliseconds of the arrival at the edge. */
  received_at: number;
  /** JSON text of an object. */
  properties: string;
  /** JSON text of an object. */
  context: string;
  /** User-Agent header of the request when a browser sent it, else empty; `context` wins over it. */
  user_agent: string;
}

/** Who the event belongs to: the user id, or the anonymous id when there is none. */
export function userKeyOf(event: { readonly user_id: string; readonly anonymous_id: string }): string {
  return event.user_id === "" ? `a:${event.anonymous_id}` : `u:${event.user_id}`;
}

/** Ids that broken clients send for everybody; merging all of them into one person would be wrong. */
export const refusedUserIds: ReadonlySet<string> = new Set([
  "undefined",
  "null",
  "[object Object]",
  "0",
  "NaN",
  "none",
  "None",
  "nil",
  "true",
  "false",
  "anonymous",
  "guest",
  "distinct_id",
  "id",
  "email",
]);

/** A string of 1 to 200 characters that every store can hold: no NUL, no half of a surrogate pair. */
export function isId(value: unknown): value is string {
  return (
    typeof value === "string" &&
    value.length > 0 &&
    value.length <= eventLimits.idLengthMax &&
    !value.includes("\0") &&
    value.isWellFormed()
  );
}

/** An id that can name a person. */
export function isUserId(value: unknown): value is string {
  return isId(value) && !refusedUserIds.has(value);
}
