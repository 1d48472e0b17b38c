// Alerts in the relational store, as requests see them: made, listed, found, replaced, deleted.
import type pg from "pg";
import { alertLimits, type AlertShape, type SavedAlert } from "#schemas/alerts/alert.ts";
import { MillraceError } from "#schemas/errors.ts";
import type { Postgres } from "#ops/runtime/postgres.ts";
import { graceSecondsDefault } from "./alert-definition.ts";
import { alertColumns, showAlert, type AlertRow, type StoredDestination } from "./alert-row.ts";
import { insertDeliveries } from "./delivery-outbox.ts";
import { closeIncident } from "./incidents.ts";
import { addressOf } from "./read-alert.ts";
import type { Seal } from "#ops/runtime/seal.ts";
import { transact } from "#ops/runtime/transact.ts";

/** Runs in the transaction that changes the alert: what is kept for its query follows it. Null: it is gone. */
export type OnChange = (
  client: pg.PoolClient,
  projectId: number,
  publicId: string,
  query: Readonly<Record<string, unknown>> | null,
) => Promise<void>;

export class AlertStore {
  readonly #postgres: Postgres;
  readonly #onChange: OnChange;
  readonly #seal: Seal;

  constructor(postgres: Postgres, onChange: OnChange, seal: Seal) {
    this.#postgres = postgres;
    this.#onChange = onChange;
    this.#seal = seal;
  }

  /** Throws CONFLICT when the project has too many. */
  async create(projectId: number, alert: AlertShape): Promise<SavedAlert> {
    return transact(this.#postgres, async (client) => {
      const publicId = `alr_${crypto.randomUUID().replaceAll("-", "").slice(0, 20)}`;
      const { rows } = await client.query<AlertRow & { others: string }>(
        `INSERT INTO alerts (public_id, project_id, name, query, rule, grace_seconds, destinations, enabled)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         RETURNING ${alertColumns}, (SELECT count(*) FROM alerts WHERE project_id = $2) AS others`,
        [publicId, projectId, ...valuesOf(alert, [], this.#seal)],
      );
      const row = rows[0] as AlertRow & { others: string };
      if (Number(row.others) >= alertLimits.alertsMax) {
        throw new MillraceError("CONFLICT", {
          message: `The project has ${row.others} alerts; ${alertLimits.alertsMax} are allowed.`,
        });
      }
      await this.#onChange(client, projectId, publicId, row.enabled ? row.query : null);
      return showAlert(row);
    });
  }

  /**
   * Another query or rule, or disabling, closes the open incident and begins anew with the next bucket. Throws
   * ALERT_NOT_FOUND.
   */
  async replace(projectId: number, publicId: string, alert: AlertShape): Promise<SavedAlert> {
    return transact(this.#postgres, async (client) => {
      const { rows: found } = await client.query<AlertRow & { kept: boolean }>(
        `SELECT ${alertColumns}, query::jsonb = $3::jsonb AND rule = $4::jsonb AND enabled AND $5 AS kept
         FROM alerts WHERE public_id = $1 AND project_id = $2 FOR UPDATE`,
        [publicId, projectId, JSON.stringify(alert.query), JSON.stringify(alert.rule), alert.enabled ?? true],
      );
      const before = found[0];
      if (before === undefined) throw new MillraceError("ALERT_NOT_FOUND");
      const { rows } = await client.query<AlertRow>(
        `UPDATE alerts
         SET name = $3, query = $4, rule = $5, grace_seconds = $6, destinations = $7, enabled = $8,
             state = CASE WHEN $9 THEN state ELSE 'pending' END, latest = CASE WHEN $9 THEN latest END,
             evaluated_until = CASE WHEN $9 THEN evaluated_until END,
             evaluated_at = CASE WHEN $9 THEN evaluated_at END,
             generation = generation + 1, lease_until = '-infinity', due_at = '-infinity', failures = 0, error = NULL,
             updated_at = now()
         WHERE public_id = $1 AND project_id = $2 RETURNING ${alertColumns}`,
        [publicId, projectId, ...valuesOf(alert, before.destinations, this.#seal), before.kept],
      );
      const row = rows[0] as AlertRow;
      if (!before.kept) {
        const reason = row.enabled ? "changed" : "disabled";
        await closeIncident(client, { ...row, publicId }, null, reason);
      }
      await this.#onChange(client, projectId, publicId, row.enabled ? row.query : null);
      return showAlert(row);
    });
  }

  async list(projectId: number): Promise<SavedAlert[]> {
    const { rows } = await this.#postgres.query<AlertRow>(
      `SELECT ${alertColumns} FROM alerts WHERE project_id = $1 ORDER BY id LIMIT $2`,
      [projectId, alertLimits.alertsMax],
    );
    return rows.map(showAlert);
  }

  /** Throws ALERT_NOT_FOUND. */
  async find(projectId: number, publicId: string): Promise<SavedAlert> {
    return showAlert(await this.#find(projectId, publicId));
  }

  /** Throws ALERT_NOT_FOUND. */
  async delete(projectId: number, publicId: string): Promise<void> {
    await transact(this.#postgres, async (client) => {
      const { rowCount } = await client.query("DELETE FROM alerts WHERE public_id = $1 AND project_id = $2", [
        publicId,
        projectId,
      ]);
      if (rowCount === 0) throw new MillraceError("ALERT_NOT_FOUND");
      await this.#onChange(client, projectId, publicId, null);
    });
  }

  /** Puts a test for every destination into the outbox; answers their ids. Throws ALERT_NOT_FOUND, RATE_LIMITED. */
  async test(projectId: number, publicId: string): Promise<string[]> {
    const row = await this.#find(projectId, publicId);
    return transact(this.#postgres, async (client) => {
      const { rows } = await client.query<{ waiting: number }>(
        "SELECT count(*)::int AS waiting FROM alert_deliveries WHERE alert_id = $1 AND kind = 'test' AND state = 'pending'",
        [row.id],
      );
      if ((rows[0]?.waiting ?? 0) >= alertLimits.testsWaitingMax) {
        throw new MillraceError("RATE_LIMITED", { retryAfterSeconds: 10 });
      }
      return insertDeliveries(client, row.id, null, row.destinations, {
        kind: "test",
        alert: { id: row.public_id, name: row.name },
        incident: null,
        bucket: row.latest,
      });
    });
  }

  async #find(projectId: number, publicId: string): Promise<AlertRow> {
    const { rows } = await this.#postgres.query<AlertRow>(
      `SELECT ${alertColumns} FROM alerts WHERE public_id = $1 AND project_id = $2`,
      [publicId, projectId],
    );
    if (rows[0] === undefined) throw new MillraceError("ALERT_NOT_FOUND");
    return rows[0];
  }
}

function valuesOf(alert: AlertShape, known: readonly StoredDestination[], seal: Seal): unknown[] {
  return [
    alert.name,
    JSON.stringify(alert.query),
    JSON.stringify(alert.rule),
    alert.grace_seconds ?? graceSecondsDefault(alert.query),
    JSON.stringify(storedDestinations(alert.destinations, known, seal)),
    alert.enabled ?? true,
  ];
}

/** A destination that stays keeps its id, and its secret unless another is given. */
function storedDestinations(
  given: AlertShape["destinations"],
  known: readonly StoredDestination[],
  seal: Seal,
): StoredDestination[] {
  const byAddress = new Map(known.map((destination) => [addressOf(destination), destination]));
  return given.map((destination): StoredDestination => {
    const before = byAddress.get(addressOf(destination));
    const id = before?.id ?? `dst_${crypto.randomUUID().replaceAll("-", "").slice(0, 12)}`;
    if (destination.type === "email") return { id, type: "email", to: destination.to };
    const kept = before?.type === "webhook" ? before.secret : null;
    const given = destination.secret;
    const secret = given === undefined ? kept : given === null ? null : seal.close(given, id);
    return { id, type: "webhook", url: new URL(destination.url).href, secret };
  });
}
