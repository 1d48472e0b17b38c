// Who refreshes which cohort when: claims with a lease, so that only one worker refreshes a cohort at a time, and
// what became of each try.
import type { Postgres } from "#ops/runtime/postgres.ts";
import { overdueAfterSeconds } from "./cohort-store.ts";

/** A claim that did not end by then counts as failed, and another worker may begin. */
export const leaseSeconds = 60;

/** Time between two refreshes of a cohort: at least, and at most, well inside the promised minute. */
const pauseSecondsMin = 15;
const pauseSecondsMax = 45;
/** Refreshes a second of all cohorts together, as long as that leaves each its minute: 1,000 come every 40 s. */
const refreshesPerSecondMax = 25;
/** A cohort that takes long comes less often: it works for a tenth of the time at most, within the same bounds. */
const pausePerWork = 10;

const retrySecondsMin = 5;
const retrySecondsMax = 300;
const stuckError = "the refresh before did not end in time";
const errorLengthMax = 500;

export interface Claim {
  readonly cohortId: number;
  readonly projectId: number;
  /** Null: static. */
  readonly definition: unknown;
  readonly generation: number;
  /** Of the set that is stored; null when a refresh since may have written another one. */
  readonly personsDigest: string | null;
  readonly size: number | null;
}

export interface Refreshed {
  /** Everything that was stored before this was looked at. */
  readonly asOfMs: number;
  readonly size: number;
  readonly personsDigest: string | null;
  readonly workMs: number;
}

export class RefreshLedger {
  readonly #postgres: Postgres;

  constructor(postgres: Postgres) {
    this.#postgres = postgres;
  }

  /** The cohort that is due the longest; undefined when none is. */
  async claim(): Promise<Claim | undefined> {
    const { rows } = await this.#postgres.query<{
      id: number;
      project_id: number;
      definition: unknown;
      generation: string;
      persons_digest: string | null;
      size: string | null;
      settled: boolean;
    }>(
      `WITH due AS (
         SELECT id, refreshing_until > '-infinity' AS stuck FROM cohorts
         WHERE deleted_at IS NULL AND refresh_due_at <= now() AND refreshing_until <= now()
         ORDER BY refresh_due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
       UPDATE cohorts
       SET generation = generation + 1,
           refreshing_until = now() + make_interval(secs => $1),
           refresh_due_at = now() + make_interval(secs => $1),
           refresh_failures = refresh_failures + stuck::int,
           refresh_error = CASE WHEN stuck THEN $2 ELSE refresh_error END
       FROM due WHERE cohorts.id = due.id
       RETURNING cohorts.id, project_id, definition, generation, persons_digest, size,
                 ended_generation = generation - 1 AND refresh_failures = 0 AS settled`,
      [leaseSeconds, stuckError],
    );
    const row = rows[0];
    if (row === undefined) return undefined;
    return {
      cohortId: row.id,
      projectId: row.project_id,
      definition: row.definition,
      generation: Number(row.generation),
      personsDigest: row.settled ? row.persons_digest : null,
      size: row.size === null || !row.settled ? null : Number(row.size),
    };
  }

  /** Changes nothing when the lease went to somebody else meanwhile. */
  async succeed(claim: Claim, refreshed: Refreshed): Promise<void> {
    await this.#postgres.query(
      `UPDATE cohorts
       SET size = $3, refreshed_at = to_timestamp($4), persons_digest = $5,
           ended_generation = generation, refreshing_until = '-infinity', refresh_failures = 0, refresh_error = NULL,
           refresh_due_at = CASE WHEN refresh_due_at < refreshing_until THEN refresh_due_at ELSE
             now() + make_interval(secs => least($9, greatest($8, $6,
               (SELECT count(*) FROM cohorts WHERE deleted_at IS NULL) / $7::float8)))
           END
       WHERE id = $1 AND generation = $2`,
      [
        claim.cohortId,
        claim.generation,
        refreshed.size,
        refreshed.asOfMs / 1000,
        refreshed.personsDigest,
        (refreshed.workMs / 1000) * pausePerWork,
        refreshesPerSecondMax,
        pauseSecondsMin,
        pauseSecondsMax,
      ],
    );
  }

  /** Each failure in a row waits twice as long, at random up to a quarter less. */
  async fail(claim: Claim, message: string): Promise<void> {
    await this.#postgres.query(
      `UPDATE cohorts
       SET ended_generation = generation, refreshing_until = '-infinity',
           refresh_failures = refresh_failures + 1, refresh_error = $3,
           refresh_due_at = now() + make_interval(secs =>
             least($5::float8, $4::float8 * power(2, least(refresh_failures, 20))) * (1 - random() / 4))
       WHERE id = $1 AND generation = $2`,
      [claim.cohortId, claim.generation, message.slice(0, errorLengthMax), retrySecondsMin, retrySecondsMax],
    );
  }

  /** Gives it back undone, for another worker to begin at once. */
  async release(claim: Claim): Promise<void> {
    await this.#postgres.query(
      `UPDATE cohorts SET refreshing_until = '-infinity', refresh_due_at = '-infinity'
       WHERE id = $1 AND generation = $2`,
      [claim.cohortId, claim.generation],
    );
  }

  async count(): Promise<{ overdue: number; failing: number }> {
    const { rows } = await this.#postgres.query<{ overdue: number; failing: number }>(
      `SELECT count(*) FILTER (WHERE coalesce(refreshed_at, created_at) < now() - make_interval(secs => $1))::int AS overdue,
              count(*) FILTER (WHERE refresh_failures > 0)::int AS failing
       FROM cohorts WHERE deleted_at IS NULL`,
      [overdueAfterSeconds],
    );
    return rows[0] ?? { overdue: 0, failing: 0 };
  }
}
