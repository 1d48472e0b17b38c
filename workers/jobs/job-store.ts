// Jobs in the relational store, as those who ask for them see them: made, listed, found, cancelled.
import { createHash } from "node:crypto";
import type { Postgres } from "#ops/runtime/postgres.ts";
import { MillraceError } from "#schemas/errors.ts";
import {
  jobLimits,
  type CreateJob,
  type JobKind,
  type JobState,
  type JobSummary,
} from "#schemas/jobs/job.ts";

/** An exact answer that was begun for a sampled one serves the same question again for so long. */
const sharedSeconds = 300;
/** A guess of how long a place takes to become free. */
const retryAfterSeconds = 30;

const columns = `id, kind, state, origin, progress, rows_read, attempt, created_at, started_at, finished_at,
  round(extract(epoch FROM coalesce(finished_at, now()) - started_at) * 1000)::float8 AS elapsed_ms`;

interface JobRow {
  id: string;
  kind: JobKind;
  state: JobState;
  origin: "request" | "sample";
  progress: number;
  rows_read: string;
  attempt: number;
  created_at: Date;
  started_at: Date | null;
  finished_at: Date | null;
  elapsed_ms: number | null;
}

export interface FoundJob {
  readonly summary: JobSummary;
  readonly query: unknown;
  readonly error: unknown;
  /** The answer's JSON, gzipped. */
  readonly result: Buffer | null;
}

export class JobStore {
  readonly #postgres: Postgres;

  constructor(postgres: Postgres) {
    this.#postgres = postgres;
  }

  /**
   * Throws TOO_MANY_JOBS when too many wait. Null: the exact answer of a sampled one is not begun, because enough of
   * them wait; the same question shares one.
   */
  async create(projectId: number, job: CreateJob): Promise<{ job_id: string; state: JobState } | null> {
    const origin = job.origin ?? "request";
    const query = JSON.stringify(job.query);
    const digest = createHash("sha256").update(`${job.kind}\n${query}`).digest();
    const { rows: known } = await this.#postgres.query<{
      shared_id: string | null;
      shared_state: JobState | null;
      waiting: number;
    }>(
      `SELECT shared.id AS shared_id, shared.state AS shared_state,
              (SELECT count(*)::int FROM query_jobs WHERE project_id = $1 AND state = 'queued' AND origin = $3) AS waiting
       FROM (SELECT) AS once LEFT JOIN LATERAL (
         SELECT id, state FROM query_jobs
         WHERE project_id = $1 AND digest = $2 AND origin = 'sample' AND $3 = 'sample'
           AND (state IN ('queued', 'running')
             OR state = 'done' AND result IS NOT NULL AND started_at > now() - make_interval(secs => $4))
         ORDER BY created_at DESC LIMIT 1) AS shared ON true`,
      [projectId, digest, origin, sharedSeconds],
    );
    const { shared_id, shared_state, waiting } = known[0] ?? { waiting: 0 };
    if (shared_id && shared_state) return { job_id: shared_id, state: shared_state };
    if (origin === "sample" && waiting >= jobLimits.waitingOfSamplesMax) return null;
    if (waiting >= jobLimits.waitingMax) throw new MillraceError("TOO_MANY_JOBS", { retryAfterSeconds });
    const id = `job_${crypto.randomUUID().replaceAll("-", "").slice(0, 20)}`;
    await this.#postgres.query(
      "INSERT INTO query_jobs (id, project_id, kind, query, origin, digest) VALUES ($1, $2, $3, $4, $5, $6)",
      [id, projectId, job.kind, query, origin, digest],
    );
    return { job_id: id, state: "queued" };
  }

  async list(projectId: number): Promise<JobSummary[]> {
    const { rows } = await this.#postgres.query<JobRow>(
      `SELECT ${columns} FROM query_jobs WHERE project_id = $1 ORDER BY created_at DESC, id LIMIT $2`,
      [projectId, jobLimits.listedMax],
    );
    return rows.map(buildSummary);
  }

  /** Throws JOB_NOT_FOUND. */
  async find(projectId: number, id: string): Promise<FoundJob> {
    const { rows } = await this.#postgres.query<
      JobRow & { query: unknown; error: unknown; result: Buffer | null }
    >(`SELECT ${columns}, query, error, result FROM query_jobs WHERE project_id = $1 AND id = $2`, [
      projectId,
      id,
    ]);
    const row = rows[0];
    if (row === undefined) throw new MillraceError("JOB_NOT_FOUND");
    return { summary: buildSummary(row), query: row.query, error: row.error, result: row.result };
  }

  /** What runs notices by itself that its job is not running any more. Throws JOB_NOT_FOUND. */
  async cancel(projectId: number, id: string): Promise<JobSummary> {
    const { rows } = await this.#postgres.query<JobRow>(
      `UPDATE query_jobs
       SET state = CASE WHEN state IN ('queued', 'running') THEN 'cancelled' ELSE state END,
           finished_at = coalesce(finished_at, now()), result = NULL, result_bytes = 0
       WHERE project_id = $1 AND id = $2 RETURNING ${columns}`,
      [projectId, id],
    );
    const row = rows[0];
    if (row === undefined) throw new MillraceError("JOB_NOT_FOUND");
    return buildSummary(row);
  }
}

function buildSummary(row: JobRow): JobSummary {
  const time = (date: Date | null): string | null => date?.toISOString() ?? null;
  const expiresAt =
    row.finished_at === null ? null : new Date(row.finished_at.getTime() + jobLimits.keptDays * 86_400_000);
  return {
    job_id: row.id,
    kind: row.kind,
    state: row.state,
    origin: row.origin,
    progress: Math.round(row.progress * 1000) / 1000,
    rows_read: Number(row.rows_read),
    attempts: row.attempt,
    created_at: row.created_at.toISOString(),
    started_at: time(row.started_at),
    finished_at: time(row.finished_at),
    expires_at: time(expiresAt),
    elapsed_ms: row.elapsed_ms,
  };
}
