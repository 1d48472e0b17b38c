// The joins that an event asks for, by its name. Runs in the pipeline's pool for every event, so events of other
// names must cost nothing but a look at the name.
//   $identify, identify            the anonymous ids ($anon_distinct_id, and the event's own) are this user
//   $create_alias, alias           the id in alias, previousId or previous_id is this user
//   $merge_dangerously             the same, whatever both ids identified before
// An event of another name that carries both ids joins nothing, but for the first event of a user whose two ids are
// the same text: its sender knows only one kind of id (PostHog), and may have identified the user before it sent here.
import { isUserId, userKeyOf, type LogEvent } from "#schemas/events/event.ts";
import type { JoinKind, JoinRequest } from "./join.ts";

const kindOfName: ReadonlyMap<string, JoinKind> = new Map([
  ["$identify", "identify"],
  ["identify", "identify"],
  ["$create_alias", "alias"],
  ["alias", "alias"],
  ["$merge_dangerously", "merge"],
]);

type Asking = Pick<LogEvent, "event" | "user_id" | "anonymous_id">;

export function asksToJoin(event: Asking): boolean {
  return kindOfName.has(event.event) || isOneId(event);
}

function isOneId(event: Asking): boolean {
  return event.user_id === event.anonymous_id && event.user_id !== "";
}

/** `address` is the event's place in the log; `isFirst` says that it is the first event of its user. */
export function readJoins(event: LogEvent, address: string, isFirst: boolean): JoinRequest[] {
  const named = kindOfName.get(event.event);
  const kind = named ?? (isFirst && isOneId(event) ? "identify" : undefined);
  if (kind === undefined) return [];
  const properties = named === undefined ? {} : parseObject(event.properties);
  if (properties === undefined) return [];
  const into = userKeyOf(event);
  // What is allowed whatever the joined id identified needs no second look when that becomes known.
  const isContestable = kind === "identify" || (kind === "alias" && !isFirst && event.user_id !== "");
  return keysToJoin(kind, event, properties)
    .filter((key) => key !== into)
    .map((joined, part) => ({
      projectId: event.project_id,
      kind,
      into,
      joined,
      intoIsNew: isFirst,
      origin: `log:${address}:${part}`,
      claim: isContestable
        ? { arrivedMs: event.received_at, happenedMs: event.timestamp, eventId: event.event_id }
        : null,
    }));
}

function keysToJoin(kind: JoinKind, event: LogEvent, properties: Record<string, unknown>): string[] {
  const own = event.user_id === "" ? undefined : event.anonymous_id;
  if (kind === "identify") {
    if (event.user_id === "") return [];
    const previous = [properties["$anon_distinct_id"], own].filter(isUserId);
    return [...new Set(previous)].map((id) => `a:${id}`);
  }
  const previous = firstId(properties["alias"], properties["previousId"], properties["previous_id"]);
  if (previous !== undefined) return keysOfId(previous);
  const anonymous = kind === "alias" ? firstId(own) : undefined;
  return anonymous === undefined ? [] : [`a:${anonymous}`];
}

/** An id names the user id and the anonymous id of that text. */
export function keysOfId(id: string): [userKey: string, anonymousKey: string] {
  return [`u:${id}`, `a:${id}`];
}

function firstId(...candidates: unknown[]): string | undefined {
  return candidates.find(isUserId);
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
