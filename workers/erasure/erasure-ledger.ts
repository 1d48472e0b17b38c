// What was asked to be erased, and who works on which: claims with a lease, so that one worker at a time removes a
// person, and how far it is, so that the next one goes on after a crash.
import { randomUUID } from "node:crypto";
import type { Postgres } from "#ops/runtime/postgres.ts";
import { MillraceError } from "#schemas/errors.ts";
import type { Erasure } from "#schemas/erasure/erasure.ts";

/** Renewed while work goes on; a worker that is silent for so long is dead, or cannot reach the relational store. */
export const leaseSeconds = 15;
const retrySecondsMin = 1;
const retrySecondsMax = 120;
const errorLengthMax = 500;
/** A file that is not processed after so long is not waited for: its edge may be gone for good. */
const uploadMinutesMax = 60;

export interface ErasureClaim {
  readonly id: string;
  readonly projectId: number;
  readonly attempt: number;
  readonly state: "waiting" | "removing";
  readonly askedId: string;
  readonly keys: readonly string[];
  readonly numbers: readonly number[];
  /** Null: not looked at yet. */
  readonly logEnds: Readonly<Record<string, number>> | null;
  readonly openBatches: Readonly<Record<string, string>>;
  readonly days: readonly number[];
  readonly stepsDone: number;
}

interface ErasureRow {
  id: string;
  project_id: number;
  attempt: number;
  state: ErasureClaim["state"];
  asked_id: string;
  user_keys: string[] | null;
  user_numbers: string[] | null;
  log_ends: Record<string, number> | null;
  open_batches: Record<string, string> | null;
  days: number[] | null;
  steps_done: number;
}

export class ErasureLedger {
  readonly #postgres: Postgres;

  constructor(postgres: Postgres) {
    this.#postgres = postgres;
  }

  /** One that still waits for the same id is the same. */
  async create(projectId: number, askedId: string): Promise<Erasure> {
    const { rows } = await this.#postgres.query<{ id: string }>(
      `WITH open AS (
         UPDATE erasures SET requested_at = now(), log_ends = NULL WHERE project_id = $1 AND asked_id = $2 AND state = 'waiting' RETURNING id),
       made AS (
         INSERT INTO erasures (id, project_id, asked_id)
         SELECT $3, $1, $2 WHERE NOT EXISTS (SELECT FROM open) RETURNING id)
       SELECT id FROM open UNION ALL SELECT id FROM made LIMIT 1`,
      [projectId, askedId, `era_${randomUUID().replaceAll("-", "").slice(0, 20)}`],
    );
    return this.find(projectId, (rows[0] as { id: string }).id);
  }

  /** Throws ERASURE_NOT_FOUND. */
  async find(projectId: number, id: string): Promise<Erasure> {
    const { rows } = await this.#postgres.query<{
      id: string;
      state: Erasure["state"];
      requested_at: Date;
      erased_before: Date | null;
      finished_at: Date | null;
      removed: Record<string, number>;
      error: string | null;
    }>(
      `SELECT id, state, requested_at, erased_before, finished_at, removed, error
       FROM erasures WHERE project_id = $1 AND id = $2`,
      [projectId, id],
    );
    const row = rows[0];
    if (row === undefined) throw new MillraceError("ERASURE_NOT_FOUND");
    return {
      erasure_id: row.id,
      state: row.state,
      requested_at: row.requested_at.toISOString(),
      erased_before: row.erased_before?.toISOString() ?? null,
      finished_at: row.finished_at?.toISOString() ?? null,
      removed: row.removed,
      error: row.error,
    };
  }

  /** The one that is due the longest; undefined when none is. */
  async claim(): Promise<ErasureClaim | undefined> {
    const { rows } = await this.#postgres.query<ErasureRow>(
      `WITH due AS (
         SELECT id FROM erasures
         WHERE state <> 'done' AND due_at <= now() AND lease_until <= now()
         ORDER BY due_at, requested_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
       UPDATE erasures SET attempt = attempt + 1, lease_until = now() + make_interval(secs => $1)
       FROM due WHERE erasures.id = due.id
       RETURNING erasures.id, project_id, attempt, state, asked_id, user_keys, user_numbers, log_ends, open_batches,
                 days, steps_done`,
      [leaseSeconds],
    );
    const row = rows[0];
    if (row === undefined) return undefined;
    return {
      id: row.id,
      projectId: row.project_id,
      attempt: row.attempt,
      state: row.state,
      askedId: row.asked_id,
      keys: row.user_keys ?? [],
      numbers: (row.user_numbers ?? []).map(Number),
      logEnds: row.log_ends,
      openBatches: row.open_batches ?? {},
      days: row.days ?? [],
      stepsDone: row.steps_done,
    };
  }

  /** False when another worker has it. */
  async renew(claim: ErasureClaim): Promise<boolean> {
    const { rowCount } = await this.#postgres.query(
      `UPDATE erasures SET lease_until = now() + make_interval(secs => $3) WHERE id = $1 AND attempt = $2`,
      [claim.id, claim.attempt, leaseSeconds],
    );
    return rowCount === 1;
  }

  /** One more step is done; false when another worker has it. */
  async finishStep(
    claim: ErasureClaim,
    stepsDone: number,
    found: { removed: Record<string, number>; days?: readonly number[] },
  ): Promise<boolean> {
    const { rowCount } = await this.#postgres.query(
      `UPDATE erasures SET steps_done = $3, removed = removed || $4, days = coalesce($5, days), failures = 0, error = NULL
       WHERE id = $1 AND attempt = $2`,
      [claim.id, claim.attempt, stepsDone, JSON.stringify(found.removed), found.days ?? null],
    );
    return rowCount === 1;
  }

  /** Nothing is left: kept answers are over, and the receipt names nobody. */
  async finish(claim: ErasureClaim): Promise<void> {
    await this.#postgres.query(
      `WITH ended AS (
         UPDATE erasures
         SET state = 'done', finished_at = now(), lease_until = '-infinity', error = NULL, asked_id = NULL,
             user_keys = NULL, user_numbers = NULL, days = NULL, open_batches = NULL
         WHERE id = $1 AND attempt = $2 RETURNING project_id)
       UPDATE projects SET answers_epoch = answers_epoch + 1 FROM ended WHERE projects.id = ended.project_id`,
      [claim.id, claim.attempt],
    );
  }

  /** Files that were taken before it was asked for and whose rows are not in the log yet. */
  async hasOpenUploads(claim: ErasureClaim): Promise<boolean> {
    const { rows } = await this.#postgres.query<{ open: boolean }>(
      `SELECT EXISTS (SELECT FROM uploads JOIN erasures ON erasures.id = $1
         WHERE uploads.project_id = erasures.project_id AND uploads.state = 'processing'
           AND uploads.created_at BETWEEN erasures.requested_at - make_interval(mins => $2) AND erasures.requested_at
           AND erasures.requested_at > now() - make_interval(mins => $2)) AS open`,
      [claim.id, uploadMinutesMax],
    );
    return rows[0]?.open === true;
  }

  async setLogEnds(claim: ErasureClaim, logEnds: Readonly<Record<string, number>>): Promise<void> {
    await this.#postgres.query("UPDATE erasures SET log_ends = $3 WHERE id = $1 AND attempt = $2", [
      claim.id,
      claim.attempt,
      JSON.stringify(logEnds),
    ]);
  }

  /** Gives it back until then: what it waits for has not happened yet, or it failed. */
  async postpone(claim: ErasureClaim, waitMs: number): Promise<void> {
    await this.#postgres.query(
      `UPDATE erasures SET lease_until = '-infinity', due_at = now() + make_interval(secs => $3)
       WHERE id = $1 AND attempt = $2`,
      [claim.id, claim.attempt, waitMs / 1000],
    );
  }

  /** Each failure in a row waits twice as long, at random up to a quarter less. */
  async fail(claim: ErasureClaim, message: string): Promise<void> {
    await this.#postgres.query(
      `UPDATE erasures
       SET lease_until = '-infinity', failures = failures + 1, error = $3,
           due_at = now() + make_interval(secs =>
             least($5::float8, $4::float8 * power(2, least(failures, 20))) * (1 - random() / 4))
       WHERE id = $1 AND attempt = $2`,
      [claim.id, claim.attempt, message.slice(0, errorLengthMax), retrySecondsMin, retrySecondsMax],
    );
  }

  async count(): Promise<{ open: number; failing: number }> {
    const { rows } = await this.#postgres.query<{ open: number; failing: number }>(
      `SELECT count(*)::int AS open, count(*) FILTER (WHERE failures > 0)::int AS failing
       FROM erasures WHERE state <> 'done'`,
    );
    return rows[0] ?? { open: 0, failing: 0 };
  }
}
