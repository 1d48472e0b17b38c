// Which events a page of the quarantine has: the newest that are still kept aside, by time of arrival. Read where the page
// begins, with one look at each id; never all that is kept aside, and never all events.
import type { QuarantineFilter } from "#schemas/plans/quarantine.ts";
import type { Call } from "#streams/services.ts";
import type { QueryContext } from "../query-context.ts";
import { Parameters } from "../sql/parameters.ts";
import { fromTable } from "../sql/scope.ts";
import { runStatement } from "../store/run-statement.ts";

export interface Place {
  readonly receivedMs: number;
  readonly eventId: string;
}

export interface Selection {
  readonly filter: QuarantineFilter;
  readonly fromMs: number | undefined;
  readonly toMs: number | undefined;
  readonly after: Place | undefined;
  readonly ids: readonly string[] | undefined;
  readonly limit: number;
}

/** Rows beyond the page at the first look: some were taken out, or came again. */
const spareRows = 100;

type Row = [receivedMs: number | string, eventId: string, isOpen?: boolean | number];

/** At most `limit`, the newest first. */
export async function findPlaces(context: QueryContext, call: Call, selection: Selection): Promise<Place[]> {
  const { limit } = selection;
  const places: Place[] = [];
  let { after } = selection;
  let isFirst = selection.ids === undefined;
  for (;;) {
    const rowsMax = limit - places.length;
    const page = isFirst
      ? await lookAtNewest(context, call, { ...selection, after, limit: rowsMax + spareRows })
      : await findOpen(context, call, { ...selection, after, limit: rowsMax });
    isFirst = false;
    const stored = await findStoredLately(
      context,
      call,
      page.open.map(({ eventId }) => eventId),
    );
    for (const place of page.open) {
      const isKnown = places.at(-1)?.eventId === place.eventId;
      if (!isKnown && !stored.has(place.eventId) && places.length < limit) places.push(place);
    }
    if (page.end === undefined || places.length === limit) return places;
    after = page.end;
  }
}

interface Looked {
  readonly open: readonly Place[];
  /** The last that was looked at; undefined when there is no more. */
  readonly end: Place | undefined;
}

/** Nearly always enough: the newest rows, each with what is known of its id. */
async function lookAtNewest(context: QueryContext, call: Call, selection: Selection): Promise<Looked> {
  const parameters = new Parameters();
  const rows = parameters.bind("UInt32", selection.limit);
  const newest = `SELECT received_at, event_id ${fromTable("quarantined", conditionsOf(selection, parameters))}
    ORDER BY received_at DESC, event_id DESC LIMIT ${rows}`;
  const known = fromTable("quarantine_state", [`event_id GLOBAL IN (SELECT event_id FROM (${newest}))`]);
  const sql = `SELECT toUnixTimestamp64Milli(received_at) AS ms, event_id, latest = received_at AND isKept
    FROM (${newest}) AS newest
    GLOBAL LEFT JOIN (
      SELECT event_id, max(received) AS latest, max(settled) > max(closed) AS isKept ${known} GROUP BY event_id) AS known
    USING (event_id)
    ORDER BY received_at DESC, event_id DESC`;
  const found = await read(context, call, sql, parameters);
  return {
    open: found.filter(([, , isOpen]) => Boolean(isOpen)).map(placeOf),
    end: endOf(found, selection.limit),
  };
}

/** Where most were taken out: all that is left, first. */
async function findOpen(context: QueryContext, call: Call, selection: Selection): Promise<Looked> {
  const parameters = new Parameters();
  const { ids } = selection;
  const among = ids === undefined ? [] : [`event_id IN ${parameters.bind("Array(String)", ids)}`];
  const kept = `SELECT event_id, max(received) ${fromTable("quarantine_state", among)}
    GROUP BY event_id HAVING max(settled) > max(closed)`;
  const conditions = [
    ...among,
    ...conditionsOf(selection, parameters),
    `(event_id, received_at) GLOBAL IN (${kept})`,
  ];
  const sql = `SELECT toUnixTimestamp64Milli(received_at) AS ms, event_id ${fromTable("quarantined", conditions)}
    ORDER BY received_at DESC, event_id DESC LIMIT ${parameters.bind("UInt32", selection.limit)}`;
  const found = await read(context, call, sql, parameters);
  return { open: found.map(placeOf), end: endOf(found, selection.limit) };
}

function conditionsOf({ filter, fromMs, toMs, after }: Selection, parameters: Parameters): string[] {
  const conditions: string[] = [];
  const at = (ms: number): string => `fromUnixTimestamp64Milli(${parameters.bind("Int64", ms)}, 'UTC')`;
  if (filter.event !== undefined) conditions.push(`event = ${parameters.bind("String", filter.event)}`);
  if (filter.code !== undefined) conditions.push(`reason = ${parameters.bind("String", filter.code)}`);
  if (fromMs !== undefined) conditions.push(`received_at >= ${at(fromMs)}`);
  if (toMs !== undefined) conditions.push(`received_at <= ${at(toMs)}`);
  if (after !== undefined) {
    const id = parameters.bind("String", after.eventId);
    conditions.push(`received_at <= ${at(after.receivedMs)}`);
    conditions.push(`received_at < ${at(after.receivedMs)} OR event_id < ${id}`);
  }
  return conditions;
}

function placeOf([receivedMs, eventId]: Row): Place {
  return { receivedMs: Number(receivedMs), eventId };
}

function endOf(found: readonly Row[], limit: number): Place | undefined {
  const last = found.at(-1);
  return last === undefined || found.length < limit ? undefined : placeOf(last);
}

async function read(context: QueryContext, call: Call, sql: string, parameters: Parameters): Promise<Row[]> {
  const { rows } = await runStatement(context.store, { sql, parameters: parameters.values }, call);
  return rows as Row[];
}

/** Which of them are stored since workers last compared what is kept aside with what is stored: of half a minute. */
async function findStoredLately(
  context: QueryContext,
  call: Call,
  ids: readonly string[],
): Promise<Set<string>> {
  if (ids.length === 0) return new Set();
  const { rows: swept } = await context.postgres.query<{ partition: number; sequence: string }>(
    `SELECT partition, coalesce(swept_sequence, -1) AS sequence
     FROM log_partitions LEFT JOIN quarantine_sweeps USING (partition)
     WHERE committed_sequence > coalesce(swept_sequence, -1)
        OR committed_sequence < swept_sequence OR intent_token IS NOT NULL`,
  );
  if (swept.length === 0) return new Set();
  const parameters = new Parameters();
  const since = swept.map(
    ({ partition, sequence }) =>
      `log_partition = ${partition} AND toInt64(log_sequence) > ${Number(sequence)}`,
  );
  const among = `event_id IN ${parameters.bind("Array(String)", ids)}`;
  const sql = `SELECT DISTINCT 0, event_id ${fromTable("events", [among, since.join(" OR ")])}`;
  return new Set((await read(context, call, sql, parameters)).map(([, id]) => id));
}

/** Which of them are stored, whenever that was: before one of them is sent on its way again. */
export async function findStored(
  context: QueryContext,
  call: Call,
  ids: readonly string[],
): Promise<Set<string>> {
  if (ids.length === 0) return new Set();
  const parameters = new Parameters();
  const among = [`event_id IN ${parameters.bind("Array(String)", ids)}`];
  const sql = `SELECT 0, event_id ${fromTable("events", among)}
    UNION DISTINCT SELECT 0, event_id ${fromTable("removed_event_ids", among)}`;
  return new Set((await read(context, call, sql, parameters)).map(([, id]) => id));
}
