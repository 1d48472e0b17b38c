// Takes events out of the quarantine: writes down that they were replayed or deleted, and when. Doing it again changes
// nothing.
import type { NatsConnection } from "@nats-io/transport-node";
import type { ClickHouse } from "#ops/runtime/clickhouse.ts";
import { MillraceError } from "#schemas/errors.ts";
import type { QuarantinedPayloads } from "#schemas/plans/quarantine.ts";
import { callService } from "#streams/call-service.ts";
import type { Call } from "#streams/services.ts";

/** Events that one request deletes, about; it says whether there are more. */
const deletedMax = 100_000;
/** A request ends with the page that is under way after so long. */
const deleteMsMax = 8_000;
const pageMsMax = 10_000;

export interface Closing {
  readonly ids: readonly string[];
  readonly outcome: "replayed" | "deleted" | "stored";
  /** By the store's clock: what is kept aside later is in the quarantine again. */
  readonly asOf: string;
}

export async function closeQuarantined(
  clickhouse: ClickHouse,
  projectId: number,
  { ids, outcome, asOf }: Closing,
): Promise<void> {
  if (ids.length === 0) return;
  try {
    await clickhouse.insert({
      table: "quarantine_closed",
      values: ids.map((id) => ({ project_id: projectId, event_id: id, outcome, closed_at: asOf })),
      format: "JSONEachRow",
      clickhouse_settings: { async_insert: 0, insert_deduplicate: 0 },
    });
  } catch (error) {
    throw new MillraceError("STORE_UNAVAILABLE", { retryAfterSeconds: 1, cause: error });
  }
}

/** Page by page, so that a stop in between leaves whole pages. */
export async function deleteQuarantined(
  stores: { readonly connection: NatsConnection; readonly clickhouse: ClickHouse },
  filter: object,
  call: Call,
): Promise<{ deleted: number; left: boolean }> {
  const startedAtMs = performance.now();
  let deleted = 0;
  let cursor: string | undefined;
  while (deleted < deletedMax && performance.now() - startedAtMs < deleteMsMax) {
    const page = (await callService(
      stores.connection,
      "svc.query.quarantined_payloads",
      { ...filter, cursor },
      { requestId: call.requestId, projectId: call.projectId, timeoutMs: pageMsMax },
    )) as QuarantinedPayloads;
    const ids = page.payloads.map((payload) => String(payload["event_id"]));
    await closeQuarantined(stores.clickhouse, call.projectId, { ids, outcome: "deleted", asOf: page.asOf });
    const stored = { ids: page.stored, outcome: "stored", asOf: page.asOf } as const;
    await closeQuarantined(stores.clickhouse, call.projectId, stored);
    deleted += ids.length;
    if (page.next === null) return { deleted, left: false };
    cursor = page.next;
  }
  return { deleted, left: true };
}
