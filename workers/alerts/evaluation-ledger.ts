// Who evaluates which alert when: claims with a lease, and what an evaluation decided. State, position, incidents and
// what is to be told change in one transaction, so a bucket counts once whatever dies in between.
import type { Bucket } from "#schemas/alerts/alert.ts";
import type { Postgres } from "#ops/runtime/postgres.ts";
import type { AlertDefinition } from "./alert-definition.ts";
import { alertColumns, type AlertRow } from "./alert-row.ts";
import type { AlertState, Evaluation } from "./evaluate-buckets.ts";
import { closeIncident, openIncident, type IncidentAlert } from "./incidents.ts";
import { transact } from "#ops/runtime/transact.ts";

/** Longer than an evaluation may take. */
export const leaseSeconds = 60;
const retrySecondsMin = 2;
const retrySecondsMax = 300;
const overdueSeconds = 60;
const errorLengthMax = 500;

export interface EvaluationClaim extends IncidentAlert {
  readonly projectId: number;
  readonly definition: AlertDefinition;
  readonly state: AlertState;
  readonly evaluatedUntilMs: number | undefined;
  readonly generation: number;
}

export class EvaluationLedger {
  readonly #postgres: Postgres;

  constructor(postgres: Postgres) {
    this.#postgres = postgres;
  }

  /** The alert that is due the longest; undefined when none is. */
  async claim(): Promise<EvaluationClaim | undefined> {
    const { rows } = await this.#postgres.query<
      AlertRow & { project_id: number; generation: string; evaluated_until: Date | null }
    >(
      `WITH due AS (
         SELECT alerts.id FROM alerts JOIN projects ON projects.id = project_id
         WHERE enabled AND due_at <= now() AND lease_until <= now() AND projects.deleted_at IS NULL
         ORDER BY due_at, alerts.id LIMIT 1 FOR UPDATE OF alerts SKIP LOCKED)
       UPDATE alerts SET generation = generation + 1, lease_until = now() + make_interval(secs => $1)
       WHERE id IN (SELECT id FROM due)
       RETURNING ${alertColumns}, project_id, generation, evaluated_until`,
      [leaseSeconds],
    );
    const row = rows[0];
    if (row === undefined) return undefined;
    return {
      id: row.id,
      publicId: row.public_id,
      name: row.name,
      destinations: row.destinations,
      projectId: row.project_id,
      definition: { query: row.query, rule: row.rule, graceSeconds: row.grace_seconds },
      state: row.state,
      evaluatedUntilMs: row.evaluated_until?.getTime(),
      generation: Number(row.generation),
    };
  }

  /** False: the alert was changed, or went to another process; nothing of this evaluation counts. */
  async record(claim: EvaluationClaim, evaluation: Evaluation, dueMs: number): Promise<boolean> {
    return transact(this.#postgres, async (client) => {
      const { rows } = await client.query<AlertRow>(
        `UPDATE alerts
         SET state = $3, evaluated_until = coalesce($4, evaluated_until), latest = coalesce($5, latest),
             evaluated_at = CASE WHEN $4::timestamptz IS NULL THEN evaluated_at ELSE now() END,
             due_at = $6, lease_until = '-infinity', failures = 0, error = NULL
         WHERE id = $1 AND generation = $2 RETURNING ${alertColumns}`,
        [
          claim.id,
          claim.generation,
          evaluation.state,
          timeOf(evaluation.evaluatedUntilMs),
          evaluation.latest === undefined ? null : JSON.stringify(evaluation.latest satisfies Bucket),
          timeOf(dueMs),
        ],
      );
      const row = rows[0];
      if (row === undefined) return false;
      for (const { kind, bucket } of evaluation.transitions) {
        if (kind === "opened") await openIncident(client, claim, bucket);
        else await closeIncident(client, claim, bucket, "resolved");
      }
      return true;
    });
  }

  /** Each failure in a row waits twice as long, at random up to a quarter less. */
  async fail(claim: EvaluationClaim, message: string): Promise<void> {
    await this.#postgres.query(
      `UPDATE alerts
       SET failures = failures + 1, error = $3, lease_until = '-infinity',
           due_at = now() + make_interval(secs =>
             least($5::float8, $4::float8 * power(2, least(failures, 20))) * (1 - random() / 4))
       WHERE id = $1 AND generation = $2`,
      [claim.id, claim.generation, message.slice(0, errorLengthMax), retrySecondsMin, retrySecondsMax],
    );
  }

  /** Gives it back undone, for another process to begin at once. */
  async release(claim: EvaluationClaim): Promise<void> {
    await this.#postgres.query(
      "UPDATE alerts SET lease_until = '-infinity' WHERE id = $1 AND generation = $2",
      [claim.id, claim.generation],
    );
  }

  async count(): Promise<{ firing: number; failing: number; overdue: number }> {
    const { rows } = await this.#postgres.query<{ firing: number; failing: number; overdue: number }>(
      `SELECT count(*) FILTER (WHERE state = 'firing')::int AS firing,
              count(*) FILTER (WHERE failures > 0)::int AS failing,
              count(*) FILTER (WHERE due_at > '-infinity' AND due_at < now() - make_interval(secs => $1))::int AS overdue
       FROM alerts JOIN projects ON projects.id = project_id WHERE enabled AND projects.deleted_at IS NULL`,
      [overdueSeconds],
    );
    return rows[0] ?? { firing: 0, failing: 0, overdue: 0 };
  }
}

function timeOf(ms: number | undefined): Date | null {
  return ms === undefined ? null : new Date(ms);
}
