// Restores in the relational store: which months are to be back, until when, under which class of their own.
import { randomUUID } from "node:crypto";
import type { Postgres } from "#ops/runtime/postgres.ts";
import { transact } from "#ops/runtime/transact.ts";
import { MillraceError } from "#schemas/errors.ts";
import type { ArchiveEntry, Restore } from "#schemas/retention/archive.ts";
import { nameOfMonth, restoredClassMax, restoredClassMin } from "#schemas/retention/month.ts";
import type { RawPartition } from "./archive-rows.ts";

const retrySecondsMax = 300;
const errorLengthMax = 500;

export interface RestoreClaim extends RawPartition {
  readonly id: string;
  readonly projectId: number;
  readonly state: "waiting" | "restored" | "releasing";
}

interface RestoreRow {
  id: string;
  month: number;
  state: Restore["state"];
  rows: string | null;
  keep_until: Date;
  error: string | null;
}

function buildRestore(row: RestoreRow): Restore {
  return {
    restore_id: row.id,
    month: nameOfMonth(row.month),
    state: row.state,
    rows: row.rows === null ? null : Number(row.rows),
    keep_until: row.keep_until.toISOString(),
    error: row.error,
  };
}

export class RestoreLedger {
  readonly #postgres: Postgres;

  constructor(postgres: Postgres) {
    this.#postgres = postgres;
  }

  /** Throws ARCHIVE_NOT_FOUND for a month without one, CONFLICT while one is being removed or released. */
  async request(projectId: number, months: readonly number[], keepDays: number): Promise<Restore[]> {
    return transact(this.#postgres, async (client) => {
      // Two requests for the same month, or for the same class, go one after the other.
      await client.query("SELECT pg_advisory_xact_lock(hashtext('restores'))");
      const restores: Restore[] = [];
      for (const month of [...new Set(months)].sort((left, right) => left - right)) {
        const { rows: found } = await client.query<{
          archived: boolean;
          removing: boolean;
          releasing: boolean;
        }>(
          `SELECT EXISTS (SELECT FROM archives WHERE project_id = $1 AND month = $2 AND state = 'stored'
                    AND removal_id IN (SELECT id FROM raw_removals WHERE raw_removals.state = 'done')) AS archived,
                  EXISTS (SELECT FROM raw_removals WHERE month = $2 AND $1 = ANY (projects) AND state <> 'done') AS removing,
                  EXISTS (SELECT FROM restores WHERE project_id = $1 AND month = $2 AND state = 'releasing') AS releasing`,
          [projectId, month],
        );
        const name = nameOfMonth(month);
        if (found[0]?.removing === true || found[0]?.releasing === true) {
          throw new MillraceError("CONFLICT", {
            message: `Events of ${name} are just being removed; try again in a minute.`,
          });
        }
        if (found[0]?.archived !== true) {
          throw new MillraceError("ARCHIVE_NOT_FOUND", { message: `There is no archive of ${name}.` });
        }
        const { rows } = await client.query<RestoreRow>(
          `INSERT INTO restores (id, project_id, month, retention_class, keep_until)
           SELECT $1, $2, $3, (
               SELECT free FROM generate_series($4::int, $5::int) AS free
               WHERE NOT EXISTS (SELECT FROM restores WHERE month = $3 AND retention_class = free AND state <> 'released')
               ORDER BY free LIMIT 1),
             now() + make_interval(days => $6)
           ON CONFLICT (project_id, month) WHERE state <> 'released'
           DO UPDATE SET keep_until = excluded.keep_until, due_at = '-infinity'
           RETURNING id, month, state, rows, keep_until, error`,
          [
            `res_${randomUUID().replaceAll("-", "").slice(0, 20)}`,
            projectId,
            month,
            restoredClassMin,
            restoredClassMax,
            keepDays,
          ],
        );
        restores.push(buildRestore(rows[0] as RestoreRow));
      }
      return restores;
    });
  }

  async list(projectId: number): Promise<{ archives: ArchiveEntry[]; restores: Restore[] }> {
    const [archives, restores] = await Promise.all([
      this.#postgres.query<{
        id: string;
        month: number;
        place: ArchiveEntry["place"];
        path: string;
        rows: string;
        bytes: string;
        sha256: string;
        first_at: Date;
        last_at: Date;
        stored_at: Date;
      }>(
        `SELECT id, month, place, path, rows, bytes, sha256, first_at, last_at, stored_at
         FROM archives WHERE project_id = $1 AND state = 'stored' ORDER BY month, created_at LIMIT 10000`,
        [projectId],
      ),
      this.#postgres.query<RestoreRow>(
        `SELECT id, month, state, rows, keep_until, error FROM restores
         WHERE project_id = $1 ORDER BY requested_at DESC, month LIMIT 1000`,
        [projectId],
      ),
    ]);
    return {
      archives: archives.rows.map((row) => ({
        archive_id: row.id,
        month: nameOfMonth(row.month),
        place: row.place,
        path: row.path,
        rows: Number(row.rows),
        bytes: Number(row.bytes),
        sha256: row.sha256,
        first_at: row.first_at.toISOString(),
        last_at: row.last_at.toISOString(),
        stored_at: row.stored_at.toISOString(),
      })),
      restores: restores.rows.map(buildRestore),
    };
  }

  /** One that waits, whose time is over, or whose project is gone. */
  async due(): Promise<RestoreClaim | undefined> {
    const { rows } = await this.#postgres.query<{
      id: string;
      project_id: number;
      month: number;
      retention_class: number;
      state: RestoreClaim["state"];
    }>(
      `SELECT restores.id, project_id, month, retention_class,
              CASE WHEN state = 'releasing' OR keep_until <= now() OR deleted_at IS NOT NULL THEN 'releasing' ELSE state END AS state
       FROM restores JOIN projects ON projects.id = project_id
       WHERE due_at <= now() AND state <> 'released'
         AND (state <> 'restored' OR keep_until <= now() OR deleted_at IS NOT NULL)
       ORDER BY requested_at LIMIT 1`,
    );
    const row = rows[0];
    if (row === undefined) return undefined;
    const { id, project_id: projectId, month, retention_class: retentionClass, state } = row;
    return { id, projectId, month, retentionClass, state };
  }

  /** All of its rows are there: from now on queries may ask for them. */
  async finish(restore: RestoreClaim, rowCount: number): Promise<void> {
    await this.#change(
      restore,
      true,
      "state = 'restored', rows = $2, restored_at = now(), failures = 0, error = NULL",
      [rowCount],
    );
  }

  /** Before the first row goes. */
  async beginReleasing(restore: RestoreClaim): Promise<void> {
    await this.#change(restore, false, "state = 'releasing'", []);
  }

  async finishReleasing(restore: RestoreClaim): Promise<void> {
    await this.#change(restore, false, "state = 'released', failures = 0, error = NULL", []);
  }

  async fail(id: string, message: string): Promise<void> {
    await this.#postgres.query(
      `UPDATE restores SET failures = failures + 1, error = $2,
         due_at = now() + make_interval(secs => least($3::float8, power(2, least(failures, 20))))
       WHERE id = $1`,
      [id, message.slice(0, errorLengthMax), retrySecondsMax],
    );
  }

  async #change(
    restore: RestoreClaim,
    isThere: boolean,
    assignments: string,
    values: readonly unknown[],
  ): Promise<void> {
    await transact(this.#postgres, async (client) => {
      await client.query(`UPDATE restores SET ${assignments} WHERE id = $1`, [restore.id, ...values]);
      await client.query("UPDATE raw_months_gone SET restored = $3 WHERE project_id = $1 AND month = $2", [
        restore.projectId,
        restore.month,
        isThere,
      ]);
      await client.query("UPDATE projects SET answers_epoch = answers_epoch + 1 WHERE id = $1", [
        restore.projectId,
      ]);
    });
  }
}
