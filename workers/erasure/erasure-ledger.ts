// What was asked to be erased, and who works on which: claims with a lease, so that one worker at a time removes people,
// and how far it is, so that the next one goes on after a crash. A claim is of one erasure; it leads those that go with it.
import { randomUUID } from "node:crypto";
import type { Postgres } from "#ops/runtime/postgres.ts";
import { MillraceError } from "#schemas/errors.ts";
import type { Erasure } from "#schemas/erasure/erasure.ts";

/** Renewed while work goes on; a worker that is silent for so long is dead, or cannot reach the relational store. */
export const leaseSeconds = 15;
const retrySecondsMin = 1;
const retrySecondsMax = 120;
const errorLengthMax = 500;
/** A file is waited for so long, and only if something of it was read within that time: its edge may be gone for good. */
const uploadMinutesMax = 60;
/** People who go together: the lists of their numbers are part of statements. */
const togetherMax = 1_000;

export interface StepResult {
  /** What the step removed, by place, of all who go together. */
  readonly removed?: Readonly<Record<string, number>>;
  /** What is known of each of them, by erasure. */
  readonly byPerson?: ReadonlyMap<string, Readonly<Record<string, number>>>;
  /** UTC days on which they did something. */
  readonly days?: readonly number[];
}

export interface ErasureClaim {
  readonly id: string;
  readonly projectId: number;
  readonly attempt: number;
  readonly state: "waiting" | "removing";
  readonly askedId: string;
  /** Of everybody whom it leads too, as are the numbers. */
  readonly ids: readonly string[];
  readonly numbers: readonly number[];
  /** The numbers by erasure, its own first. */
  readonly people: readonly { readonly id: string; readonly numbers: readonly number[] }[];
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

  /** One that still waits for the same id is the same, and whoever works on it begins anew. */
  async create(projectId: number, askedId: string): Promise<Erasure> {
    const { rows } = await this.#postgres.query<{ id: string }>(
      `WITH open AS (
         UPDATE erasures SET requested_at = now(), log_ends = NULL, leader_id = NULL, attempt = attempt + 1,
           lease_until = '-infinity'
         WHERE project_id = $1 AND asked_id = $2 AND state = 'waiting' RETURNING id),
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
      removed_together: Record<string, number> | null;
      unread_uploads: string[];
      error: string | null;
    }>(
      `SELECT id, state, requested_at, erased_before, finished_at, removed, removed_together, unread_uploads, error
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
      removed_together: row.removed_together,
      unread_uploads: row.unread_uploads,
      error: row.error,
    };
  }

  /**
   * The one that is due the longest; undefined when none is. While one of a project is under way no other one begins:
   * those that come meanwhile go together next.
   */
  async claim(): Promise<ErasureClaim | undefined> {
    const { rows } = await this.#postgres.query<ErasureRow>(
      `WITH due AS (
         SELECT id FROM erasures
         WHERE state <> 'done' AND leader_id IS NULL AND due_at <= now() AND lease_until <= now()
           AND (state = 'removing' OR log_ends IS NOT NULL OR NOT EXISTS (
             SELECT FROM erasures AS begun
             WHERE begun.project_id = erasures.project_id AND begun.leader_id IS NULL
               AND (begun.state = 'removing' OR (begun.state = 'waiting' AND begun.log_ends IS NOT NULL))))
         ORDER BY due_at, requested_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
       UPDATE erasures SET attempt = attempt + 1, lease_until = now() + make_interval(secs => $1)
       FROM due WHERE erasures.id = due.id
       RETURNING erasures.id, project_id, attempt, state, asked_id, log_ends, open_batches, days, steps_done`,
      [leaseSeconds],
    );
    const row = rows[0];
    if (row === undefined) return undefined;
    const people = await this.#peopleOf(row.id);
    return {
      id: row.id,
      projectId: row.project_id,
      attempt: row.attempt,
      state: row.state,
      askedId: row.asked_id,
      ids: [...new Set(people.flatMap(({ ids }) => ids))],
      numbers: people.flatMap(({ numbers }) => numbers),
      people: people.map(({ id, numbers }) => ({ id, numbers })),
      logEnds: row.log_ends,
      openBatches: row.open_batches ?? {},
      days: row.days ?? [],
      stepsDone: row.steps_done,
    };
  }

  /** Ids as they are in events: without u: and a:. */
  async #peopleOf(id: string): Promise<{ id: string; ids: string[]; numbers: number[] }[]> {
    const { rows } = await this.#postgres.query<{
      id: string;
      asked_id: string;
      user_keys: string[] | null;
      user_numbers: string[] | null;
    }>(
      `SELECT id, asked_id, user_keys, user_numbers FROM erasures
       WHERE state <> 'done' AND (id = $1 OR leader_id = $1) ORDER BY id <> $1, id`,
      [id],
    );
    return rows.map((row) => ({
      id: row.id,
      ids: [row.asked_id, ...(row.user_keys ?? []).map((key) => key.slice(2))],
      numbers: (row.user_numbers ?? []).map(Number),
    }));
  }

  /** Those of the project that wait, too, go with it; none of them leads others or waits for anything yet. */
  async gather(claim: ErasureClaim): Promise<void> {
    await this.#postgres.query(
      `WITH waiting AS (
         SELECT id FROM erasures
         WHERE project_id = $2 AND state = 'waiting' AND id <> $1 AND leader_id IS NULL AND lease_until <= now()
           AND log_ends IS NULL AND NOT EXISTS (SELECT FROM erasures AS led WHERE led.leader_id = erasures.id)
         ORDER BY requested_at, id LIMIT $3 FOR UPDATE SKIP LOCKED)
       UPDATE erasures SET leader_id = $1 FROM waiting WHERE erasures.id = waiting.id`,
      [claim.id, claim.projectId, togetherMax - claim.people.length],
    );
  }

  /** False when another worker has it. */
  async renew(claim: ErasureClaim): Promise<boolean> {
    const { rowCount } = await this.#postgres.query(
      `UPDATE erasures SET lease_until = now() + make_interval(secs => $3) WHERE id = $1 AND attempt = $2`,
      [claim.id, claim.attempt, leaseSeconds],
    );
    return rowCount === 1;
  }

  /** One more step is done; false when another worker has it. What is known of all together only is told as such. */
  async finishStep(claim: ErasureClaim, stepsDone: number, found: StepResult): Promise<boolean> {
    const isAlone = claim.people.length === 1;
    const { removed = {}, byPerson, days = null } = found;
    const own = claim.people.map(({ id }) => ({
      id,
      removed: { ...byPerson?.get(id), ...(isAlone ? removed : {}) },
    }));
    const together = isAlone ? null : JSON.stringify({ people: claim.people.length, ...removed });
    const { rowCount } = await this.#postgres.query(
      `WITH ours AS (SELECT FROM erasures WHERE id = $1 AND attempt = $2 FOR UPDATE)
       UPDATE erasures
       SET steps_done = $3, days = coalesce($4, days), failures = 0, error = NULL,
           removed = erasures.removed || own.removed,
           removed_together = coalesce(removed_together || $6::jsonb, $6::jsonb, removed_together)
       FROM jsonb_to_recordset($5) AS own (id text, removed jsonb)
       WHERE erasures.id = own.id AND EXISTS (SELECT FROM ours)`,
      [claim.id, claim.attempt, stepsDone, days, JSON.stringify(own), together],
    );
    return (rowCount ?? 0) > 0;
  }

  /** Nothing is left: kept answers are over, and the receipts name nobody. */
  async finish(claim: ErasureClaim): Promise<void> {
    await this.#postgres.query(
      `WITH ours AS (SELECT project_id FROM erasures WHERE id = $1 AND attempt = $2 FOR UPDATE),
       ended AS (
         UPDATE erasures
         SET state = 'done', finished_at = now(), lease_until = '-infinity', error = NULL, asked_id = NULL,
             user_keys = NULL, user_numbers = NULL, days = NULL, open_batches = NULL
         WHERE (id = $1 OR leader_id = $1) AND state = 'removing' AND EXISTS (SELECT FROM ours))
       UPDATE projects SET answers_epoch = answers_epoch + 1 FROM ours WHERE projects.id = ours.project_id`,
      [claim.id, claim.attempt],
    );
  }

  /**
   * Files that came before any of them was asked for and whose rows are not all in the log yet. Their rows under ids that
   * are known then are dropped whenever they are read; what is waited for are ids that only a file joins.
   */
  async hasOpenUploads(claim: ErasureClaim): Promise<boolean> {
    const { rows } = await this.#postgres.query<{ open: boolean }>(
      `SELECT EXISTS (
         SELECT FROM uploads
         JOIN (SELECT max(requested_at) AS requested_at FROM erasures WHERE id = $1 OR leader_id = $1) AS asked
           ON uploads.created_at <= asked.requested_at
         WHERE project_id = $2 AND uploads.state IN ('receiving', 'processing')
           AND moved_at > now() - make_interval(mins => $3)
           AND asked.requested_at > now() - make_interval(mins => $3)) AS open`,
      [claim.id, claim.projectId, uploadMinutesMax],
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
    const error = message.slice(0, errorLengthMax);
    await this.#postgres.query(
      `UPDATE erasures AS led SET error = $3 FROM erasures AS leader
       WHERE led.leader_id = $1 AND leader.id = $1 AND leader.attempt = $2`,
      [claim.id, claim.attempt, error],
    );
    await this.#postgres.query(
      `UPDATE erasures
       SET lease_until = '-infinity', failures = failures + 1, error = $3,
           due_at = now() + make_interval(secs =>
             least($5::float8, $4::float8 * power(2, least(failures, 20))) * (1 - random() / 4))
       WHERE id = $1 AND attempt = $2`,
      [claim.id, claim.attempt, error, retrySecondsMin, retrySecondsMax],
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
