// Who runs which job when: claims with a lease that is renewed while the query runs, so that a job whose worker died
// is begun again by another one, and what became of each try.
import type { Postgres } from "#ops/runtime/postgres.ts";
import { MillraceError } from "#schemas/errors.ts";
import { jobLimits, type JobKind, type JobProgress } from "#schemas/jobs/job.ts";

/** Renewed every second; a worker that is silent for so long is dead, or cannot reach the relational store. */
export const leaseSeconds = 15;
const retrySecondsMin = 2;
const retrySecondsMax = 120;
/** Of all workers: only one looks at a time, so that the bound of a project holds. */
const claimLock = 0x6a6f6273;

export interface JobClaim {
  readonly id: string;
  readonly projectId: number;
  readonly kind: JobKind;
  readonly query: Record<string, unknown>;
  readonly attempt: number;
  /** Since it was asked for, when this try began. */
  readonly ageSeconds: number;
}

export class JobLedger {
  readonly #postgres: Postgres;

  constructor(postgres: Postgres) {
    this.#postgres = postgres;
  }

  /** The job that waits the longest of a project that has a place free; asked for ones before those of samples. */
  async claim(): Promise<JobClaim | undefined> {
    const { rowCount } = await this.#postgres.query(
      `SELECT FROM query_jobs WHERE state IN ('queued', 'running') AND lease_until <= now() AND not_before <= now()
       LIMIT 1`,
    );
    if (rowCount === 0) return undefined;
    const client = await this.#postgres.connect();
    try {
      await client.query("BEGIN");
      // In a statement of its own: the next one then sees what the last holder of the lock wrote.
      await client.query("SELECT pg_advisory_xact_lock($1)", [claimLock]);
      await client.query(
        `UPDATE query_jobs SET state = 'failed', finished_at = now(), error = $2
         WHERE state = 'running' AND lease_until <= now() AND attempt >= $1`,
        [jobLimits.attemptsMax, JSON.stringify(describe(new MillraceError("INTERNAL", { message: stuck })))],
      );
      const { rows } = await client.query<{
        id: string;
        project_id: number;
        kind: JobKind;
        query: Record<string, unknown>;
        attempt: number;
        age_seconds: number;
      }>(
        `WITH running AS (
           SELECT project_id, count(*) AS jobs FROM query_jobs
           WHERE state = 'running' AND lease_until > now() GROUP BY project_id),
         next AS (
           SELECT id FROM query_jobs LEFT JOIN running USING (project_id)
           WHERE state IN ('queued', 'running') AND lease_until <= now() AND not_before <= now()
             AND coalesce(jobs, 0) < $1
           ORDER BY coalesce(jobs, 0), origin = 'sample', created_at, id LIMIT 1)
         UPDATE query_jobs
         SET state = 'running', attempt = attempt + 1, started_at = now(), progress = 0, rows_read = 0,
             lease_until = now() + make_interval(secs => $2)
         FROM next WHERE query_jobs.id = next.id
         RETURNING query_jobs.id, project_id, kind, query, attempt,
                   extract(epoch FROM now() - created_at)::float8 AS age_seconds`,
        [jobLimits.runningMax, leaseSeconds],
      );
      await client.query("COMMIT");
      const row = rows[0];
      if (row === undefined) return undefined;
      const { id, project_id: projectId, kind, query, attempt, age_seconds: ageSeconds } = row;
      return { id, projectId, kind, query, attempt, ageSeconds };
    } catch (error) {
      await client.query("ROLLBACK").catch(() => undefined);
      throw error;
    } finally {
      client.release();
    }
  }

  /** Keeps the lease. False: the job was cancelled, or another worker has it. */
  async renew(claim: JobClaim, { progress, rowsRead }: JobProgress): Promise<boolean> {
    return this.#change(
      claim,
      "lease_until = now() + make_interval(secs => $3), progress = $4, rows_read = $5",
      [leaseSeconds, progress, rowsRead],
    );
  }

  /** `result` is gzipped JSON. */
  async succeed(claim: JobClaim, result: Buffer, rowsRead: number): Promise<void> {
    const stored = await this.#change(
      claim,
      "state = 'done', finished_at = now(), lease_until = '-infinity', progress = 1, rows_read = $3, result = $4, result_bytes = $5",
      [rowsRead, result, result.length],
    );
    if (stored) await this.#dropOldest(claim.projectId);
  }

  /** What lies in the query ends the job; what lies in the stores is tried again, later each time. */
  async fail(claim: JobClaim, error: MillraceError): Promise<"failed" | "retried"> {
    // What failed on our side and nobody knows why is not tried for ever; what was away or full comes back.
    const tried =
      error.code === "INTERNAL"
        ? claim.attempt >= jobLimits.attemptsMax
        : claim.ageSeconds >= jobLimits.triedHoursMax * 3600;
    if (error.retryable && !tried) {
      const waitSeconds = Math.min(retrySecondsMax, retrySecondsMin * 2 ** Math.min(claim.attempt, 20));
      await this.#change(
        claim,
        "state = 'queued', lease_until = '-infinity', not_before = now() + make_interval(secs => $3)",
        [waitSeconds],
      );
      return "retried";
    }
    await this.#change(
      claim,
      "state = 'failed', finished_at = now(), lease_until = '-infinity', error = $3",
      [JSON.stringify(describe(error))],
    );
    return "failed";
  }

  /** Gives it back undone, for another worker to begin at once; the try does not count. */
  async release(claim: JobClaim): Promise<void> {
    await this.#change(claim, "state = 'queued', lease_until = '-infinity', attempt = attempt - 1", []);
  }

  async forgetOld(): Promise<void> {
    await this.#postgres.query(
      "DELETE FROM query_jobs WHERE finished_at < now() - make_interval(days => $1)",
      [jobLimits.keptDays],
    );
  }

  async count(): Promise<{ waiting: number; running: number }> {
    const { rows } = await this.#postgres.query<{ waiting: number; running: number }>(
      `SELECT count(*) FILTER (WHERE state = 'queued')::int AS waiting,
              count(*) FILTER (WHERE state = 'running')::int AS running
       FROM query_jobs WHERE state IN ('queued', 'running')`,
    );
    return rows[0] ?? { waiting: 0, running: 0 };
  }

  /** Changes a job only while this try is the one that runs. */
  async #change(claim: JobClaim, set: string, values: readonly unknown[]): Promise<boolean> {
    const { rowCount } = await this.#postgres.query(
      `UPDATE query_jobs SET ${set} WHERE id = $1 AND attempt = $2 AND state = 'running'`,
      [claim.id, claim.attempt, ...values],
    );
    return rowCount === 1;
  }

  async #dropOldest(projectId: number): Promise<void> {
    await this.#postgres.query(
      `WITH kept AS (
         SELECT id, sum(result_bytes) OVER (ORDER BY finished_at DESC, id) AS bytes
         FROM query_jobs WHERE project_id = $1 AND result IS NOT NULL)
       DELETE FROM query_jobs USING kept WHERE query_jobs.id = kept.id AND kept.bytes > $2`,
      [projectId, jobLimits.resultsBytesMax],
    );
  }
}

const stuck = "Every try ended without an answer: the processes that ran it died.";

/** What its owner may read: codes and messages of ours. */
function describe({ code, message, details }: MillraceError): object {
  return { code, message, details };
}
