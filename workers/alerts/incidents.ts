// Opens and closes incidents, each with what is to be told about it; always inside the transaction that decides it.
import type pg from "pg";
import type { Bucket } from "#schemas/alerts/alert.ts";
import type { CloseReason } from "#schemas/alerts/incident.ts";
import type { StoredDestination } from "./alert-row.ts";
import { insertDeliveries } from "./delivery-outbox.ts";

export interface IncidentAlert {
  readonly id: number;
  readonly publicId: string;
  readonly name: string;
  readonly destinations: readonly StoredDestination[];
}

type Client = Pick<pg.ClientBase, "query">;

export async function openIncident(client: Client, alert: IncidentAlert, bucket: Bucket): Promise<void> {
  const publicId = `inc_${crypto.randomUUID().replaceAll("-", "").slice(0, 20)}`;
  const openedAt = new Date();
  const { rows } = await client.query<{ id: string }>(
    "INSERT INTO alert_incidents (public_id, alert_id, opened_at, opened_by) VALUES ($1, $2, $3, $4) RETURNING id",
    [publicId, alert.id, openedAt, JSON.stringify(bucket)],
  );
  await insertDeliveries(client, alert.id, rows[0]?.id as string, alert.destinations, {
    kind: "opened",
    alert: { id: alert.publicId, name: alert.name },
    incident: { id: publicId, openedAt, closedAt: null, closeReason: null },
    bucket,
  });
}

/** Tells those who were told of the opening. Nothing happens when none is open. */
export async function closeIncident(
  client: Client,
  alert: IncidentAlert,
  bucket: Bucket | null,
  reason: CloseReason,
): Promise<void> {
  const closedAt = new Date();
  const { rows } = await client.query<{ id: string; public_id: string; opened_at: Date }>(
    `UPDATE alert_incidents SET closed_at = greatest(opened_at, $2), closed_by = $3, close_reason = $4
     WHERE alert_id = $1 AND closed_at IS NULL RETURNING id, public_id, opened_at`,
    [alert.id, closedAt, bucket === null ? null : JSON.stringify(bucket), reason],
  );
  const row = rows[0];
  if (row === undefined) return;
  const { rows: told } = await client.query<{ destination_id: string }>(
    "SELECT destination_id FROM alert_deliveries WHERE incident_id = $1 AND kind = 'opened'",
    [row.id],
  );
  const ids = new Set(told.map(({ destination_id }) => destination_id));
  await insertDeliveries(
    client,
    alert.id,
    row.id,
    alert.destinations.filter(({ id }) => ids.has(id)),
    {
      kind: "closed",
      alert: { id: alert.publicId, name: alert.name },
      incident: { id: row.public_id, openedAt: row.opened_at, closedAt, closeReason: reason },
      bucket,
    },
  );
}
