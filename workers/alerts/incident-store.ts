// The history of an alert: incidents and what became of telling them.
import { alertLimits } from "#schemas/alerts/alert.ts";
import type { Delivery, Incident } from "#schemas/alerts/incident.ts";
import { MillraceError } from "#schemas/errors.ts";
import type { Postgres } from "#ops/runtime/postgres.ts";

interface IncidentRow {
  id: string;
  public_id: string;
  opened_at: Date;
  opened_by: Incident["opened_by"];
  closed_at: Date | null;
  closed_by: Incident["closed_by"];
  close_reason: Incident["close_reason"];
}

interface DeliveryRow {
  incident_id: string | null;
  public_id: string;
  kind: Delivery["kind"];
  destination: Record<string, string>;
  state: Delivery["state"];
  attempts: number;
  last_status: number | null;
  last_error: string | null;
  last_attempt_at: Date | null;
  due_at: Date;
}

const deliveryColumns =
  "incident_id, public_id, kind, destination, state, attempts, last_status, last_error, last_attempt_at, due_at";

export class IncidentStore {
  readonly #postgres: Postgres;

  constructor(postgres: Postgres) {
    this.#postgres = postgres;
  }

  /** The newest first. Throws ALERT_NOT_FOUND. */
  async list(projectId: number, publicId: string): Promise<Incident[]> {
    const { rows: alerts } = await this.#postgres.query<{ id: number }>(
      "SELECT id FROM alerts WHERE public_id = $1 AND project_id = $2",
      [publicId, projectId],
    );
    const alertId = alerts[0]?.id;
    if (alertId === undefined) throw new MillraceError("ALERT_NOT_FOUND");
    const { rows: incidents } = await this.#postgres.query<IncidentRow>(
      `SELECT id, public_id, opened_at, opened_by, closed_at, closed_by, close_reason
       FROM alert_incidents WHERE alert_id = $1 ORDER BY id DESC LIMIT $2`,
      [alertId, alertLimits.incidentsListedMax],
    );
    const { rows: deliveries } = await this.#postgres.query<DeliveryRow>(
      `SELECT ${deliveryColumns} FROM alert_deliveries WHERE incident_id = ANY ($1) ORDER BY id`,
      [incidents.map(({ id }) => id)],
    );
    const byIncident = Map.groupBy(deliveries, ({ incident_id }) => incident_id);
    return incidents.map((row) => ({
      id: row.public_id,
      opened_at: row.opened_at.toISOString(),
      opened_by: row.opened_by,
      closed_at: row.closed_at?.toISOString() ?? null,
      closed_by: row.closed_by,
      close_reason: row.close_reason,
      deliveries: (byIncident.get(row.id) ?? []).map(showDelivery),
    }));
  }

  async findDeliveries(deliveryIds: readonly string[]): Promise<Delivery[]> {
    const { rows } = await this.#postgres.query<DeliveryRow>(
      `SELECT ${deliveryColumns} FROM alert_deliveries WHERE public_id = ANY ($1) ORDER BY id`,
      [deliveryIds],
    );
    return rows.map(showDelivery);
  }
}

function showDelivery(row: DeliveryRow): Delivery {
  return {
    delivery_id: row.public_id,
    kind: row.kind,
    destination: row.destination,
    state: row.state,
    attempts: row.attempts,
    last_status: row.last_status,
    last_error: row.last_error,
    last_attempt_at: row.last_attempt_at?.toISOString() ?? null,
    next_attempt_at: row.state === "pending" ? row.due_at.toISOString() : null,
  };
}
