// svc.query.quarantine and its companions: the events that are kept aside, the newest first, and those of them that a
// request means. An event is in the quarantine when it was kept aside after it was last taken out. Workers take out what was
// sent again and stored (workers/plans/sweep-quarantine.ts).
import { MillraceError } from "#schemas/errors.ts";
import { asInvalid } from "#schemas/operations/read-body.ts";
import {
  quarantineLimits,
  QuarantineList,
  QuarantineRemoval,
  type QuarantinedPayloads,
  type QuarantinedEvent,
  type QuarantineFilter,
  type QuarantinePage,
} from "#schemas/plans/quarantine.ts";
import { compileCheck } from "#schemas/query/check.ts";
import type { Call } from "#streams/services.ts";
import { parseBody } from "../parse-body.ts";
import type { QueryContext } from "../query-context.ts";
import { Parameters } from "../sql/parameters.ts";
import { fromTable } from "../sql/scope.ts";
import { runStatement } from "../store/run-statement.ts";
import { findPlaces, findStored, type Place, type Selection } from "./find-places.ts";

const checkList = compileCheck(QuarantineList);
const checkRemoval = compileCheck(QuarantineRemoval);

interface Entry extends Place {
  readonly code: string;
  readonly message: string;
  readonly payload: Record<string, unknown>;
  /** Of the payload as text. */
  readonly bytes: number;
}

/** svc.query.quarantine */
export async function quarantine(
  context: QueryContext,
  payload: Uint8Array,
  call: Call,
): Promise<QuarantinePage> {
  const {
    limit: given,
    cursor,
    ...filter
  } = asInvalid("INVALID_PARAMETER", () => checkList(parseBody(payload)));
  const limit = given === undefined ? quarantineLimits.pageDefault : Number(given);
  if (!(Number.isInteger(limit) && limit >= 1 && limit <= quarantineLimits.pageMax)) {
    throw wrongParameter("limit", `must be a whole number from 1 to ${quarantineLimits.pageMax}`);
  }
  const after = cursor === undefined ? undefined : readCursor(cursor);
  const { page, next } = await readPage(context, call, { ...toSelection(filter), after, limit });
  return { events: page.map(toQuarantined), next };
}

/** svc.query.quarantined_payloads, for workers and edges. */
export async function quarantinedPayloads(
  context: QueryContext,
  payload: Uint8Array,
  call: Call,
): Promise<QuarantinedPayloads> {
  const { cursor, ...meant } = parseBody(payload) as { cursor?: string };
  const { ids, ...filter } = asInvalid("INVALID_BODY", () => checkRemoval(meant));
  const after = cursor === undefined ? undefined : readCursor(cursor);
  const asOf = await storeNow(context, call);
  const limit = quarantineLimits.pageMax;
  const { page, next } = await readPage(context, call, { ...toSelection(filter), after, ids, limit });
  // Workers know repeats for some days only; what comes in again must not be older than that.
  const known = await findStored(
    context,
    call,
    page.map(({ eventId }) => eventId),
  );
  const fresh = page.filter(({ eventId }) => !known.has(eventId));
  return { payloads: fresh.map((entry) => entry.payload), stored: [...known], next, asOf };
}

/** Payloads of 32 KB make a page of them larger than an answer may be: it ends before. */
async function readPage(
  context: QueryContext,
  call: Call,
  options: Selection,
): Promise<{ page: Entry[]; next: string | null }> {
  const places = await findPlaces(context, call, { ...options, limit: options.limit + 1 });
  const entries = await loadEntries(context, call, places.slice(0, options.limit));
  let bytes = 0;
  let count = 0;
  for (const entry of entries) {
    bytes += entry.bytes;
    if (count > 0 && bytes > quarantineLimits.pageBytesMax) break;
    count += 1;
  }
  const page = entries.slice(0, count);
  const last = page.at(-1);
  return { page, next: last !== undefined && places.length > count ? writeCursor(last) : null };
}

async function storeNow(context: QueryContext, call: Call): Promise<string> {
  const { rows } = await runStatement(
    context.store,
    { sql: "SELECT toString(now64(3, 'UTC'))", parameters: {} },
    call,
  );
  return (rows[0] as [string])[0];
}

/** What was kept aside at these places, in their order. */
async function loadEntries(context: QueryContext, call: Call, places: readonly Place[]): Promise<Entry[]> {
  const first = places[0];
  const last = places.at(-1);
  if (first === undefined || last === undefined) return [];
  const parameters = new Parameters();
  const at = (ms: number): string => `fromUnixTimestamp64Milli(${parameters.bind("Int64", ms)}, 'UTC')`;
  const ids = parameters.bind(
    "Array(String)",
    places.map(({ eventId }) => eventId),
  );
  const latest = ["reason", "message", "payload"].map((column) => `argMax(${column}, settled_at)`);
  const sql = [
    `SELECT toUnixTimestamp64Milli(received_at) AS ms, event_id, ${latest.join(", ")}`,
    fromTable("quarantined", [
      `received_at >= ${at(last.receivedMs)}`,
      `received_at <= ${at(first.receivedMs)}`,
      `event_id IN ${ids}`,
    ]),
    "GROUP BY ms, event_id",
  ].join("\n");
  const { rows } = await runStatement(context.store, { sql, parameters: parameters.values }, call);
  const found = new Map(
    (rows as [number | string, string, string, string, string][]).map((row) => [`${row[0]} ${row[1]}`, row]),
  );
  return places.flatMap((place) => {
    const row = found.get(`${place.receivedMs} ${place.eventId}`);
    if (row === undefined) return [];
    const [, , code, message, body] = row;
    const payload = JSON.parse(body) as Record<string, unknown>;
    return [{ ...place, code, message, payload, bytes: Buffer.byteLength(body) }];
  });
}

function toSelection(filter: QuarantineFilter): Omit<Selection, "after" | "limit"> {
  return {
    filter,
    fromMs: filter.from === undefined ? undefined : readTime(filter.from, "from"),
    toMs: filter.to === undefined ? undefined : readTime(filter.to, "to"),
    ids: undefined,
  };
}

function toQuarantined(entry: Entry): QuarantinedEvent {
  const { payload } = entry;
  const sent: Record<string, unknown> = {
    event: payload["event"],
    event_id: entry.eventId,
    timestamp: new Date(Number(payload["timestamp"])).toISOString(),
    properties: parseMember(payload["properties"]),
    context: parseMember(payload["context"]),
  };
  for (const name of ["user_id", "anonymous_id", "session_id"]) {
    if (payload[name] !== "") sent[name] = payload[name];
  }
  return {
    event_id: entry.eventId,
    event: String(payload["event"]),
    code: entry.code,
    message: entry.message,
    received_at: new Date(entry.receivedMs).toISOString(),
    payload: sent,
  };
}

/** Kept aside perhaps because it is no JSON: shown as it is. */
function parseMember(text: unknown): unknown {
  try {
    return JSON.parse(String(text)) as unknown;
  } catch {
    return text;
  }
}

function readTime(text: string, name: string): number {
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw wrongParameter(name, "must be an ISO 8601 time");
  return ms;
}

function writeCursor({ receivedMs, eventId }: Place): string {
  return Buffer.from(JSON.stringify([receivedMs, eventId])).toString("base64url");
}

/** Throws INVALID_PARAMETER. */
function readCursor(cursor: string): Place {
  try {
    const [receivedMs, eventId] = JSON.parse(Buffer.from(cursor, "base64url").toString()) as [
      unknown,
      unknown,
    ];
    if (Number.isSafeInteger(receivedMs) && typeof eventId === "string") {
      return { receivedMs: receivedMs as number, eventId };
    }
  } catch {
    // Said below.
  }
  throw wrongParameter("cursor", "must be `next` of the page before");
}

function wrongParameter(path: string, message: string): MillraceError {
  return new MillraceError("INVALID_PARAMETER", {
    message: `A parameter is wrong: \`${path}\` ${message}.`,
    details: [{ path, message }],
  });
}
