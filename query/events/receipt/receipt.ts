// svc.query.receipt: what became of one event: stored (and found by every query from now on), quarantined, a repeat,
// or still on its way.
import { ReceiptQuery, type Receipt } from "#schemas/query/receipt.ts";
import { compileCheck } from "#schemas/query/check.ts";
import { MillraceError } from "#schemas/errors.ts";
import type { Call } from "#streams/services.ts";
import { parseBody } from "../../parse-body.ts";
import type { QueryContext } from "../../query-context.ts";
import { Parameters } from "../../sql/parameters.ts";
import { fromTable } from "../../sql/scope.ts";
import { runStatement } from "../../store/run-statement.ts";
import { findPending } from "./find-pending.ts";

const checkShape = compileCheck(ReceiptQuery);

/** Throws EVENT_NOT_FOUND. */
export async function receipt(context: QueryContext, payload: Uint8Array, call: Call): Promise<Receipt> {
  const { event_id: eventId } = checkShape(parseBody(payload));
  // While the tail of the log is looked through, the event may move from there to the stores: look there again.
  const found =
    (await findSettled(context, call, eventId)) ??
    (await findInTail(context, call, eventId)) ??
    (await findSettled(context, call, eventId));
  if (found === undefined) throw new MillraceError("EVENT_NOT_FOUND");
  return found;
}

async function findSettled(context: QueryContext, call: Call, eventId: string): Promise<Receipt | undefined> {
  const [row, outcomes] = await Promise.all([
    storedRow(context, call, eventId),
    outcomeRows(context, call, eventId),
  ]);
  if (row !== undefined && (await isBeingWritten(context, row))) {
    return { event_id: eventId, status: "pending", ...row.said, stored_at: null, duplicates: 0 };
  }
  const stored = row?.said;
  const duplicates = outcomes.find((row) => row.outcome === "duplicate");
  const quarantined = outcomes.find((row) => row.outcome === "quarantined");
  const repeats = duplicates?.count ?? 0;
  if (stored !== undefined) return { event_id: eventId, status: "stored", ...stored, duplicates: repeats };
  const settled = quarantined ?? duplicates;
  if (settled === undefined) return undefined;
  return {
    event_id: eventId,
    status: settled.outcome,
    event: null,
    timestamp: null,
    received_at: settled.receivedAt,
    stored_at: null,
    duplicates: repeats,
    ...(quarantined === undefined ? {} : { reason: quarantined.reason, message: quarantined.message }),
  };
}

interface StoredRow {
  readonly said: Pick<Receipt, "event" | "timestamp" | "received_at" | "stored_at">;
  readonly partition: number;
  readonly sequence: number;
}

/**
 * True when the row's batch has not ended: the table of events has it first, those that queries read get it within the
 * same insert, but later. Who is told `stored` finds the event in every answer.
 */
async function isBeingWritten(context: QueryContext, row: StoredRow): Promise<boolean> {
  try {
    const { rows } = await context.postgres.query(
      "SELECT FROM log_partitions WHERE partition = $1 AND $2::bigint BETWEEN intent_from AND intent_to",
      [row.partition, row.sequence],
    );
    return rows.length > 0;
  } catch (error) {
    throw new MillraceError("STORE_UNAVAILABLE", { retryAfterSeconds: 1, cause: error });
  }
}

async function storedRow(context: QueryContext, call: Call, eventId: string): Promise<StoredRow | undefined> {
  const parameters = new Parameters();
  const sql = [
    "SELECT event, toUnixTimestamp64Milli(timestamp), toUnixTimestamp64Milli(received_at), toUnixTimestamp64Milli(stored_at), log_partition, log_sequence",
    fromTable("events", [`event_id = ${parameters.bind("String", eventId)}`]),
    "LIMIT 1",
  ].join("\n");
  const { rows } = await runStatement(context.store, { sql, parameters: parameters.values }, optionsOf(call));
  const row = rows[0] as [string, number, number, number, number, number] | undefined;
  if (row === undefined) return undefined;
  const [event, timestampMs, receivedMs, storedMs, partition, sequence] = row;
  return {
    said: { event, timestamp: iso(timestampMs), received_at: iso(receivedMs), stored_at: iso(storedMs) },
    partition,
    sequence,
  };
}

interface OutcomeRow {
  outcome: "duplicate" | "quarantined";
  count: number;
  receivedAt: string;
  reason: string;
  message: string;
}

/** Rows written again after a crash have the same place in the log: places are counted. */
async function outcomeRows(context: QueryContext, call: Call, eventId: string): Promise<OutcomeRow[]> {
  const parameters = new Parameters();
  const sql = [
    "SELECT toString(outcome), uniqExact(log_partition, log_sequence, log_index),",
    "toUnixTimestamp64Milli(min(received_at)), argMax(reason, received_at), argMax(message, received_at)",
    fromTable("event_outcomes", [`event_id = ${parameters.bind("String", eventId)}`]),
    "GROUP BY outcome",
  ].join("\n");
  const { rows } = await runStatement(context.store, { sql, parameters: parameters.values }, optionsOf(call));
  return (rows as [OutcomeRow["outcome"], number, number, string, string][]).map(
    ([outcome, count, receivedMs, reason, message]) => ({
      outcome,
      count,
      receivedAt: iso(receivedMs),
      reason,
      message,
    }),
  );
}

async function findInTail(context: QueryContext, call: Call, eventId: string): Promise<Receipt | undefined> {
  const pending = await findPending(context, { projectId: call.projectId, eventId, signal: call.signal });
  if (pending === undefined) return undefined;
  return {
    event_id: eventId,
    status: "pending",
    event: pending.event,
    timestamp: iso(pending.timestamp),
    received_at: iso(pending.received_at),
    stored_at: null,
    duplicates: 0,
  };
}

function optionsOf(call: Call): { projectId: number; signal: AbortSignal } {
  return { projectId: call.projectId, signal: call.signal };
}

function iso(epochMs: number): string {
  return new Date(epochMs).toISOString();
}
