// PostHog's capture formats, v0 and v1 ▸ our events. Pure. Names and properties stay as they were sent.
// Its distinct_id is one namespace for devices and users, ours are two. An id that nobody has identified yet is an
// anonymous id here; `$identify` carries it as user id and as anonymous id, which joins the two, so an id is the same
// person whether a browser calls it identified, or a server just names it.
import { MillraceError } from "#schemas/errors.ts";
import { eventLimits } from "#schemas/events/event.ts";
import type { SentEvent } from "../events/check-event.ts";
import {
  firstText,
  idText,
  isMembers,
  membersOf,
  readableTime,
  sessionId,
  type Members,
} from "./wire-values.ts";

export interface PostHogArrival {
  readonly nowMs: number;
  /** The sender's clock as the address or a header tells it; the body's own counts more. */
  readonly sentAt: unknown;
  /** The event of those that name none (`/engage`). */
  readonly nameDefault: string | undefined;
  /** Header PostHog-Sdk-Info, "name/version"; v1 sends it instead of properties. */
  readonly sdk: string;
}

export interface PostHogRequest {
  /** Empty when the body holds none. */
  readonly token: string;
  /** Values that are no objects stay as they are, and are rejected one by one. */
  readonly events: readonly unknown[];
}

/** Throws INVALID_BODY, EMPTY_BODY, and UNAUTHORIZED when events name different tokens. */
export function parsePostHog(body: unknown, arrival: PostHogArrival): PostHogRequest {
  const envelope = membersOf(body);
  const batch = Array.isArray(body) ? (body as unknown[]) : (envelope["batch"] ?? [body]);
  if (typeof body !== "object" || body === null || !Array.isArray(batch)) {
    throw new MillraceError("INVALID_BODY", {
      message: 'The body must be an event, an array of events, or {"api_key":…,"batch":[…]}.',
    });
  }
  const events: readonly unknown[] = batch;
  if (events.length === 0) throw new MillraceError("EMPTY_BODY");
  const sentAt = readableTime(envelope["sent_at"] ?? envelope["sentAt"]) ?? readableTime(arrival.sentAt);
  const tokens = new Set(
    [envelope, ...events.map(membersOf)]
      .map((holder) =>
        firstText(holder["api_key"], holder["token"], membersOf(holder["properties"])["token"]),
      )
      .filter((token) => token !== undefined),
  );
  if (tokens.size > 1) {
    throw new MillraceError("UNAUTHORIZED", { message: "All events of a request must name the same token." });
  }
  const [token = ""] = tokens;
  return {
    token,
    events: events.map((event) => (isMembers(event) ? toEvent(event, sentAt, arrival) : event)),
  };
}

/** What a person is called on the wire, as one of our ids. */
function distinctId(value: unknown): unknown {
  const id = idText(value);
  // PostHog cuts ids at 200 characters, and cannot store NUL either.
  return typeof id === "string"
    ? id.slice(0, eventLimits.idLengthMax).replaceAll("\0", "\ufffd").toWellFormed()
    : id;
}

function toEvent(event: Members, sentAt: number | undefined, arrival: PostHogArrival): SentEvent {
  const given = event["properties"] ?? undefined;
  const sent = membersOf(given);
  const name = event["event"] ?? arrival.nameDefault;
  const distinct = distinctId(event["distinct_id"] ?? sent["distinct_id"]);
  return {
    event: name,
    ...idsOf(name, distinct, sent),
    event_id: idText(event["uuid"] ?? sent["$insert_id"]),
    session_id: sessionId(event["session_id"] ?? sent["$session_id"]),
    ...timesOf(event, sent, sentAt, arrival.nowMs),
    properties: given === undefined || isMembers(given) ? propertiesOf(event, sent, arrival) : given,
  };
}

function idsOf(
  name: unknown,
  distinct: unknown,
  sent: Members,
): { user_id?: unknown; anonymous_id: unknown } {
  const identified =
    name === "$identify" ||
    sent["$is_identified"] === true ||
    (distinct !== undefined && distinctId(sent["$user_id"]) === distinct);
  return identified ? { user_id: distinct, anonymous_id: distinct } : { anonymous_id: distinct };
}

function timesOf(
  event: Members,
  sent: Members,
  sentAt: number | undefined,
  nowMs: number,
): { timestamp?: unknown; sent_at?: number } {
  const timestamp = event["timestamp"] ?? undefined;
  if (timestamp !== undefined) {
    const options = membersOf(event["options"]);
    const exact = sent["$ignore_sent_at"] === true || options["disable_skew_correction"] === true;
    return { timestamp, ...(sentAt === undefined || exact ? {} : { sent_at: sentAt }) };
  }
  const { offset } = event;
  return typeof offset === "number" ? { timestamp: nowMs - offset } : {};
}

/** Where they stand outside of the properties, they are put among them. */
const placedInProperties = ["$set", "$set_once", "$unset"] as const;

function propertiesOf(event: Members, sent: Members, arrival: PostHogArrival): Record<string, unknown> {
  // Both are known from elsewhere: the key is not the analysts' business, and the id has columns of its own.
  const { token: _token, distinct_id: _distinctId, ...rest } = sent;
  const properties: Record<string, unknown> = rest;
  for (const name of placedInProperties) {
    if (event[name] !== undefined && properties[name] === undefined) properties[name] = event[name];
  }
  const anonymous = properties["$anon_distinct_id"];
  if (anonymous !== undefined) properties["$anon_distinct_id"] = distinctId(anonymous);
  const alias = properties["alias"];
  if (typeof alias === "number") properties["alias"] = String(alias);
  if (arrival.sdk !== "" && properties["$lib"] === undefined) {
    const slash = arrival.sdk.lastIndexOf("/");
    properties["$lib"] = slash < 0 ? arrival.sdk : arrival.sdk.slice(0, slash);
    if (slash >= 0) properties["$lib_version"] = arrival.sdk.slice(slash + 1);
  }
  return properties;
}
