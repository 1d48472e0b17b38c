// svc.query.quarantine and its companions: the events that are kept aside, the newest first, and those of them that a
// request means. An event is in the quarantine when it was kept aside after it was last taken out, and is not stored.
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

const checkList = compileCheck(QuarantineList);
const checkRemoval = compileCheck(QuarantineRemoval);

interface Place {
  readonly receivedMs: number;
  readonly eventId: string;
}

interface Selection {
  readonly filter: QuarantineFilter;
  readonly after: Place | undefined;
  readonly ids: readonly string[] | undefined;
  readonly limit: number;
}

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
  const { page, next } = await readPage(context, call, { filter, after, ids: undefined, limit });
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
  const { page, next } = await readPage(context, call, {
    filter,
    after,
    ids,
    limit: quarantineLimits.pageMax,
  });
  return { payloads: page.map((entry) => entry.payload), next, asOf };
}

/** Payloads of 32 KB make a page of them larger than an answer may be: it ends before. */
async function readPage(
  context: QueryContext,
  call: Call,
  options: Selection,
): Promise<{ page: Entry[]; next: string | null }> {
  const entries = await findEntries(context, call, { ...options, limit: options.limit + 1 });
  let bytes = 0;
  let count = 0;
  for (const entry of entries.slice(0, options.limit)) {
    bytes += entry.bytes;
    if (count > 0 && bytes > quarantineLimits.pageBytesMax) break;
    count += 1;
  }
  const page = entries.slice(0, count);
  const last = page.at(-1);
  return { page, next: last !== undefined && entries.length > count ? writeCursor(last) : null };
}

async function storeNow(context: QueryContext, call: Call): Promise<string> {
  const { rows } = await runStatement(
    context.store,
    { sql: "SELECT toString(now64(3, 'UTC'))", parameters: {} },
    call,
  );
  return (rows[0] as [string])[0];
}

async function findEntries(context: QueryContext, call: Call, options: Selection): Promise<Entry[]> {
  const { filter, after, ids, limit } = options;
  const parameters = new Parameters();
  const among = ["outcome = 'quarantined'"];
  if (ids !== undefined) among.push(`event_id IN ${parameters.bind("Array(String)", ids)}`);
  const latest = ["settled > closed"];
  if (filter.event !== undefined) latest.push(`name = ${parameters.bind("String", filter.event)}`);
  if (filter.code !== undefined) latest.push(`code = ${parameters.bind("String", filter.code)}`);
  if (filter.from !== undefined)
    latest.push(`received >= ${parameters.bind("Int64", readTime(filter.from, "from"))}`);
  if (filter.to !== undefined)
    latest.push(`received <= ${parameters.bind("Int64", readTime(filter.to, "to"))}`);
  if (after !== undefined) {
    const place = `(${parameters.bind("Int64", after.receivedMs)}, ${parameters.bind("String", after.eventId)})`;
    latest.push(`(received, event_id) < ${place}`);
  }
  const closedOnes = [
    "SELECT event_id, max(closed_at) AS closed",
    fromTable("quarantine_closed", ids === undefined ? [] : [among[1] as string]),
    "GROUP BY event_id",
  ].join("\n");
  const kept = [
    "SELECT event_id, toUnixTimestamp64Milli(max(received_at)) AS received, max(settled_at) AS settled,",
    "argMax(event, settled_at) AS name, argMax(reason, settled_at) AS code, argMax(message, settled_at) AS said, argMax(payload, settled_at) AS body",
    fromTable("event_outcomes", among),
    "GROUP BY event_id",
  ].join("\n");
  const sql = [
    `SELECT received, event_id, code, said, body FROM (${kept}) AS kept`,
    `LEFT JOIN (${closedOnes}) AS closings USING (event_id)`,
    `WHERE ${latest.join(" AND ")}`,
    // Sent again as it should be, and stored: nothing is missing any more.
    `AND event_id NOT IN (SELECT event_id ${fromTable("events", [`event_id IN (SELECT event_id FROM (${kept}))`])})`,
    `ORDER BY received DESC, event_id DESC LIMIT ${parameters.bind("UInt32", limit)}`,
  ].join("\n");
  const { rows } = await runStatement(context.store, { sql, parameters: parameters.values }, call);
  return (rows as [number | string, string, string, string, string][]).map(
    ([receivedMs, eventId, code, message, body]) => ({
      receivedMs: Number(receivedMs),
      eventId,
      code,
      message,
      payload: JSON.parse(body) as Record<string, unknown>,
      bytes: Buffer.byteLength(body),
    }),
  );
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
