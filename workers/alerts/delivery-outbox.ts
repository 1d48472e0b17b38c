// The outbox: what is still to be told. Written in the transaction that opens or closes an incident; each delivery is
// tried until it is told or its attempts are used up, by one process at a time. One that dies in between has its
// attempt counted and made again: receivers drop repeats by the delivery's id.
import type pg from "pg";
import type { Postgres } from "#ops/runtime/postgres.ts";
import type { StoredDestination } from "./alert-row.ts";
import { buildNotification, type Told } from "./notification.ts";
import type { Attempt } from "./send-webhook.ts";

/** Waits after each attempt but the last: 8 attempts over about four hours. */
export const retrySeconds = [10, 30, 120, 600, 1_800, 3_600, 7_200] as const;
/** Later by up to that part, so that a receiver that comes back is not met by all at once. */
const jitterPart = 0.25;
export const attemptsMax = retrySeconds.length + 1;
/** Longer than an attempt takes. */
export const leaseSeconds = 45;
/** Of one project at once: receivers that do not answer hold up only their own. */
const ofProjectMax = 4;
const keptDays = 365;
const keptOfAlertMax = 1_000;
const testsKeptDays = 7;

export interface DeliveryClaim {
  readonly id: number;
  readonly deliveryId: string;
  readonly body: string;
  readonly attempts: number;
  readonly kind: Told["kind"];
  /** Undefined: it was removed from the alert. */
  readonly destination: StoredDestination | undefined;
}

/** One for each destination; answers their ids. */
export async function insertDeliveries(
  client: Pick<pg.ClientBase, "query">,
  alertId: number,
  incidentId: string | null,
  destinations: readonly StoredDestination[],
  told: Told,
): Promise<string[]> {
  const ids: string[] = [];
  for (const destination of destinations) {
    const deliveryId = `dlv_${crypto.randomUUID().replaceAll("-", "")}`;
    await client.query(
      `INSERT INTO alert_deliveries (public_id, alert_id, incident_id, kind, destination_id, destination, body)
       VALUES ($1, $2, $3, $4, $5, $6, $7)`,
      [
        deliveryId,
        alertId,
        incidentId,
        told.kind,
        destination.id,
        JSON.stringify(labelOf(destination)),
        JSON.stringify(buildNotification(deliveryId, told, Date.now())),
      ],
    );
    ids.push(deliveryId);
  }
  return ids;
}

function labelOf(destination: StoredDestination): Record<string, string> {
  return destination.type === "webhook"
    ? { type: "webhook", url: destination.url }
    : { type: "email", to: destination.to };
}

export class DeliveryOutbox {
  readonly #postgres: Postgres;

  constructor(postgres: Postgres) {
    this.#postgres = postgres;
  }

  /** What is due the longest, and is not told before what the same incident has to say earlier to the same one. */
  async claim(): Promise<DeliveryClaim | undefined> {
    await this.#postgres.query(
      `UPDATE alert_deliveries SET state = 'failed', ended_at = now(), last_error = coalesce(last_error, $2)
       WHERE state = 'pending' AND lease_until <= now() AND attempts >= CASE WHEN kind = 'test' THEN 1 ELSE $1 END`,
      [attemptsMax, "the process that tried it ended"],
    );
    const { rows } = await this.#postgres.query<{
      id: string;
      public_id: string;
      body: string;
      attempts: number;
      kind: Told["kind"];
      destination_id: string;
      destinations: StoredDestination[];
    }>(
      `WITH next AS (
         SELECT delivery.id FROM alert_deliveries AS delivery JOIN alerts ON alerts.id = alert_id
         WHERE delivery.state = 'pending' AND delivery.due_at <= now() AND delivery.lease_until <= now()
           AND NOT EXISTS (
             SELECT FROM alert_deliveries AS earlier
             WHERE earlier.incident_id = delivery.incident_id AND earlier.destination_id = delivery.destination_id
               AND earlier.id < delivery.id AND earlier.state = 'pending')
           AND (SELECT count(*) FROM alert_deliveries AS other JOIN alerts AS theirs ON theirs.id = other.alert_id
                WHERE other.state = 'pending' AND other.lease_until > now()
                  AND theirs.project_id = alerts.project_id) < $2
         ORDER BY delivery.due_at, delivery.id LIMIT 1 FOR UPDATE OF delivery SKIP LOCKED)
       UPDATE alert_deliveries AS delivery
       SET attempts = attempts + 1, last_attempt_at = now(), lease_until = now() + make_interval(secs => $1)
       FROM next, alerts WHERE delivery.id = next.id AND alerts.id = delivery.alert_id
       RETURNING delivery.id, delivery.public_id, body, attempts, kind, destination_id, destinations`,
      [leaseSeconds, ofProjectMax],
    );
    const row = rows[0];
    if (row === undefined) return undefined;
    return {
      id: Number(row.id),
      deliveryId: row.public_id,
      body: row.body,
      attempts: row.attempts,
      kind: row.kind,
      destination: row.destinations.find(({ id }) => id === row.destination_id),
    };
  }

  /** What became of an attempt; ignored when another process has made a later one meanwhile. */
  async finish(claim: DeliveryClaim, attempt: Attempt): Promise<"delivered" | "retried" | "failed"> {
    const waitSeconds = claim.kind === "test" ? undefined : retrySeconds[claim.attempts - 1];
    const outcome = attempt.told ? "delivered" : waitSeconds === undefined ? "failed" : "retried";
    await this.#postgres.query(
      `UPDATE alert_deliveries
       SET state = $3, ended_at = CASE WHEN $3 = 'pending' THEN NULL ELSE now() END, last_status = $4, last_error = $5,
           lease_until = '-infinity', due_at = now() + make_interval(secs => $6::float8 * (1 + $7::float8 * random()))
       WHERE id = $1 AND attempts = $2 AND state = 'pending'`,
      [
        claim.id,
        claim.attempts,
        outcome === "retried" ? "pending" : outcome,
        attempt.status,
        attempt.error,
        waitSeconds ?? 0,
        jitterPart,
      ],
    );
    return outcome;
  }

  async cancel(claim: DeliveryClaim): Promise<void> {
    await this.#postgres.query(
      `UPDATE alert_deliveries
       SET state = 'cancelled', ended_at = now(), lease_until = '-infinity', attempts = attempts - 1
       WHERE id = $1 AND attempts = $2 AND state = 'pending'`,
      [claim.id, claim.attempts],
    );
  }

  /** Gives it back untried, for another process to begin at once. */
  async release(claim: DeliveryClaim): Promise<void> {
    await this.#postgres.query(
      `UPDATE alert_deliveries SET lease_until = '-infinity', attempts = attempts - 1
       WHERE id = $1 AND attempts = $2 AND state = 'pending'`,
      [claim.id, claim.attempts],
    );
  }

  async forgetOld(): Promise<void> {
    await this.#postgres.query(
      `WITH closed AS (
         SELECT id, closed_at, row_number() OVER (PARTITION BY alert_id ORDER BY id DESC) AS position
         FROM alert_incidents WHERE closed_at IS NOT NULL)
       DELETE FROM alert_incidents USING closed
       WHERE alert_incidents.id = closed.id
         AND (closed.position > $2 OR closed.closed_at < now() - make_interval(days => $1))
         AND NOT EXISTS (SELECT FROM alert_deliveries WHERE incident_id = closed.id AND state = 'pending')`,
      [keptDays, keptOfAlertMax],
    );
    await this.#postgres.query(
      `DELETE FROM alert_deliveries
       WHERE incident_id IS NULL AND state <> 'pending' AND created_at < now() - make_interval(days => $1)`,
      [testsKeptDays],
    );
  }

  async count(): Promise<{ pending: number }> {
    const { rows } = await this.#postgres.query<{ pending: number }>(
      "SELECT count(*)::int AS pending FROM alert_deliveries WHERE state = 'pending'",
    );
    return rows[0] ?? { pending: 0 };
  }
}
