// One event as it was sent ▸ the event of the log, or the code that says why not. The envelope only: what
// properties must look like is the tracking plan's business, behind the log.
import type { ErrorCode } from "#schemas/errors.ts";
import { eventLimits, isId, isUserId, type LogEvent } from "#schemas/events/event.ts";
import { isReservedEvent } from "#schemas/reserved-events.ts";
import type { Places } from "../geo/places.ts";
import type { Place } from "../geo/read-place.ts";
import { checkValue, stringifyValue } from "./check-value.ts";
import { createEventId } from "../create-event-id.ts";
import { parseTimestamp } from "./parse-timestamp.ts";

/** What is known about the request that carries the event. */
export interface Arrival {
  projectId: number;
  receivedAtMs: number;
  /** Clock of the sender when it sent the request; NaN when it did not say. */
  sentAtMs: number;
  /** User-Agent of a browser, else empty. */
  userAgent: string;
  /** Where the browser is that sent the request. */
  place?: Place | undefined;
  /** Where an address is that an event itself says. */
  places?: Pick<Places, "available" | "lookUp"> | undefined;
  /** False when the whole body is small enough that no event of it can be too large. */
  measure: boolean;
  /** True for an event that this installation made, and that comes in again. */
  madeHere?: boolean;
}

export interface SentEvent {
  readonly event?: unknown;
  readonly user_id?: unknown;
  readonly anonymous_id?: unknown;
  readonly event_id?: unknown;
  readonly session_id?: unknown;
  readonly timestamp?: unknown;
  readonly sent_at?: unknown;
  readonly properties?: unknown;
  readonly context?: unknown;
  readonly $set?: unknown;
  readonly $set_once?: unknown;
  readonly $unset?: unknown;
  readonly traits?: unknown;
}

const knownKeys: ReadonlySet<string> = new Set([
  "event",
  "user_id",
  "anonymous_id",
  "event_id",
  "session_id",
  "timestamp",
  "sent_at",
  "properties",
  "context",
  "$set",
  "$set_once",
  "$unset",
  "traits",
]);

const emptyObject = "{}";
const userAgentLengthMax = 1024;

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Fills `out` from `sent`; undefined when the event is good. */
export function checkEvent(sent: unknown, arrival: Arrival, out: LogEvent): ErrorCode | undefined {
  if (!isObject(sent)) return "EVENT_NOT_AN_OBJECT";
  const event = sent as SentEvent;

  if (event.event === undefined || event.event === null || event.event === "") return "EVENT_NAME_MISSING";
  if (!isId(event.event)) return "EVENT_NAME_INVALID";
  if (isReservedEvent(event.event) && arrival.madeHere !== true) return "EVENT_NAME_RESERVED";
  const userId = event.user_id ?? undefined;
  const anonymousId = event.anonymous_id ?? undefined;
  if (userId === undefined && anonymousId === undefined) return "USER_MISSING";
  if (userId !== undefined && !isUserId(userId)) return "USER_ID_INVALID";
  if (anonymousId !== undefined && !isUserId(anonymousId)) return "USER_ID_INVALID";
  const eventId = event.event_id ?? undefined;
  if (eventId !== undefined && !isId(eventId)) return "EVENT_ID_INVALID";
  const sessionId = event.session_id ?? undefined;
  if (sessionId !== undefined && !isId(sessionId)) return "SESSION_ID_INVALID";

  const timestamp = decideTimestamp(event, arrival);
  if (Number.isNaN(timestamp)) return "TIMESTAMP_INVALID";
  if (timestamp > arrival.receivedAtMs + eventLimits.futureMsMax) return "TIMESTAMP_IN_FUTURE";

  const properties = withUserProperties(event, event.properties ?? undefined);
  const context = event.context ?? undefined;
  if (properties !== undefined && !isObject(properties)) return "PROPERTIES_INVALID";
  if (context !== undefined && !isObject(context)) return "PROPERTIES_INVALID";
  const refused =
    (properties === undefined ? undefined : checkValue(properties, 1)) ??
    (context === undefined ? undefined : checkValue(context, 1));
  if (refused !== undefined) return refused;

  out.project_id = arrival.projectId;
  out.event = event.event;
  out.event_id = eventId ?? createEventId(arrival.receivedAtMs);
  out.user_id = userId ?? "";
  out.anonymous_id = anonymousId ?? "";
  out.session_id = sessionId ?? "";
  out.timestamp = timestamp;
  out.received_at = arrival.receivedAtMs;
  out.properties = properties === undefined ? emptyObject : stringifyValue(properties);
  out.context = context === undefined ? emptyObject : stringifyValue(context);
  out.user_agent = decideUserAgent(context, arrival);
  if (arrival.measure && isTooLarge(event, out)) return "EVENT_TOO_LARGE";
  const place = decidePlace(context, arrival);
  if (place !== undefined) out.properties = withPlace(out.properties, properties, place);
  return undefined;
}

/** What an event says about its user beside its properties travels among them, where the workers look for it. */
function withUserProperties(event: SentEvent, properties: unknown): unknown {
  // Nearly no event has any of them: a copy is made only then.
  const { $set, $set_once: $setOnce, $unset, traits } = event;
  if ($set === undefined && $setOnce === undefined && $unset === undefined && traits === undefined) {
    return properties;
  }
  if (properties !== undefined && !isObject(properties)) return properties;
  const all: Record<string, unknown> = { ...properties };
  for (const [name, given] of Object.entries({ $set, $set_once: $setOnce, $unset, traits })) {
    const own = all[name];
    // Both places: what stands among the properties is nearer to the event.
    if (own === undefined) {
      if (given !== undefined && given !== null) all[name] = given;
    } else if (isObject(own) && isObject(given)) {
      all[name] = { ...given, ...own };
    }
  }
  return all;
}

/** Epoch milliseconds by our clock: the sender's clock error is what its `sent_at` differs from the arrival. */
function decideTimestamp(event: SentEvent, arrival: Arrival): number {
  const given = event.timestamp ?? undefined;
  const sentAt = event.sent_at ?? undefined;
  const sentAtMs = sentAt === undefined ? arrival.sentAtMs : parseTimestamp(sentAt);
  // A `sent_at` that cannot be read makes the time of the event unknown.
  if (sentAt !== undefined && Number.isNaN(sentAtMs)) return Number.NaN;
  if (given === undefined) return arrival.receivedAtMs;
  const timestamp = parseTimestamp(given);
  if (Number.isNaN(sentAtMs)) return timestamp;
  return parseTimestamp(arrival.receivedAtMs - (sentAtMs - timestamp));
}

function decideUserAgent(context: object | undefined, arrival: Arrival): string {
  const told = context === undefined ? undefined : (context as { user_agent?: unknown }).user_agent;
  const userAgent = typeof told === "string" ? told : arrival.userAgent;
  return userAgent.length > userAgentLengthMax ? userAgent.slice(0, userAgentLengthMax) : userAgent;
}

/** A server says in `context.ip` for whom it speaks. */
function decidePlace(context: object | undefined, arrival: Arrival): Place | undefined {
  if (context === undefined || arrival.places?.available !== true) return arrival.place;
  const { ip } = context as { ip?: unknown };
  return typeof ip === "string" ? arrival.places.lookUp(ip) : arrival.place;
}

/** The text with $country, $region and $city, unless the sender knows better. */
function withPlace(text: string, properties: object | undefined, place: Place): string {
  if (properties !== undefined && "$country" in properties) return text;
  const { country, region, city } = place;
  // Names that are not there vanish.
  const added = JSON.stringify({ $country: country, $region: region, $city: city });
  return text === emptyObject ? added : `${text.slice(0, -1)},${added.slice(1)}`;
}

/** True when the event's JSON text, without white space, is over the limit in bytes. */
function isTooLarge(event: SentEvent, checked: LogEvent): boolean {
  let bytes = Buffer.byteLength(checked.properties) + Buffer.byteLength(checked.context);
  for (const key in event) {
    bytes += key.length + 4;
    if (key === "properties" || key === "context") continue;
    const value = (event as Record<string, unknown>)[key];
    if (knownKeys.has(key)) {
      bytes += typeof value === "string" ? Buffer.byteLength(value) + 2 : 24;
    } else if (typeof value === "object" && value !== null) {
      // Nothing of it is stored, but it was sent: deep nesting counts as too large rather than being measured.
      if (checkValue(value, 1) === "EVENT_TOO_DEEP") return true;
      bytes += Buffer.byteLength(JSON.stringify(value));
    } else if (typeof value === "string") {
      bytes += Buffer.byteLength(value) + 2;
    }
    if (bytes > eventLimits.eventBytesMax) return true;
  }
  return bytes > eventLimits.eventBytesMax;
}
