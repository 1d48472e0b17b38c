// Removals and archives in the relational store. One process at a time does this work (background-lock.ts), so nothing
// here is claimed; what is written says where the next one goes on.
import { randomUUID } from "node:crypto";
import type { Postgres } from "#ops/runtime/postgres.ts";
import { transact } from "#ops/runtime/transact.ts";
import { nameOfMonth } from "#schemas/retention/month.ts";
import type { PlaceName, WrittenFile } from "./archive-place.ts";
import type { RawPartition } from "./archive-rows.ts";
import type { RowSummary } from "./raw-store.ts";

export interface Removal extends RawPartition {
  readonly id: string;
  readonly uptoMs: number;
  readonly projects: readonly number[];
  readonly state: "copying" | "removing";
}

export interface ArchiveRecord {
  readonly id: string;
  readonly projectId: number;
  readonly projectPublicId: string;
  readonly month: number;
  readonly place: PlaceName;
  readonly path: string;
  readonly state: "writing" | "stored";
  readonly rows: number;
  readonly hash: string;
  readonly sha256: string;
}

interface ArchiveRow {
  id: string;
  project_id: number;
  public_id: string;
  month: number;
  place: PlaceName;
  path: string;
  state: "writing" | "stored";
  rows: string | null;
  row_hash: string | null;
  sha256: string | null;
}

const archiveColumns =
  "archives.id, project_id, public_id, month, place, path, state, rows, row_hash::text, sha256";

function buildArchive(row: ArchiveRow): ArchiveRecord {
  return {
    id: row.id,
    projectId: row.project_id,
    projectPublicId: row.public_id,
    month: row.month,
    place: row.place,
    path: row.path,
    state: row.state,
    rows: Number(row.rows ?? 0),
    hash: row.row_hash ?? "",
    sha256: row.sha256 ?? "",
  };
}

export class RemovalLedger {
  readonly #postgres: Postgres;

  constructor(postgres: Postgres) {
    this.#postgres = postgres;
  }

  async open(): Promise<Removal[]> {
    const { rows } = await this.#postgres.query<{
      id: string;
      retention_class: number;
      month: number;
      upto_ms: string;
      projects: number[];
      state: Removal["state"];
    }>(
      "SELECT id, retention_class, month, upto_ms, projects, state FROM raw_removals WHERE state <> 'done' ORDER BY id",
    );
    return rows.map((row) => ({
      id: row.id,
      retentionClass: row.retention_class,
      month: row.month,
      uptoMs: Number(row.upto_ms),
      projects: row.projects,
      state: row.state,
    }));
  }

  /** One that is under way goes on instead. */
  async begin(partition: RawPartition, projects: readonly number[], uptoMs: number): Promise<void> {
    await this.#postgres.query(
      `INSERT INTO raw_removals (retention_class, month, upto_ms, projects) VALUES ($1, $2, $3, $4)
       ON CONFLICT (retention_class, month) WHERE state <> 'done' DO NOTHING`,
      [partition.retentionClass, partition.month, uptoMs, projects],
    );
  }

  /** Those that a former try made are found again. */
  async ensureArchive(removal: Removal, projectId: number, place: PlaceName): Promise<ArchiveRecord> {
    const id = `arc_${randomUUID().replaceAll("-", "").slice(0, 20)}`;
    await this.#postgres.query(
      `INSERT INTO archives (id, project_id, removal_id, month, place, path)
       SELECT $1, id, $3, $4, $5, 'archives/' || public_id || '/' || $6 || '/' || $1 || '.parquet' FROM projects WHERE id = $2
       ON CONFLICT (removal_id, project_id) DO NOTHING`,
      [id, projectId, removal.id, removal.month, place, nameOfMonth(removal.month)],
    );
    const [archive] = await this.#archives("removal_id = $1 AND project_id = $2", [removal.id, projectId]);
    if (archive === undefined) throw new Error("an archive has no project");
    return archive;
  }

  ofRemoval(removal: Removal): Promise<ArchiveRecord[]> {
    return this.#archives("removal_id = $1", [removal.id]);
  }

  /** Whole files of months whose rows are gone. */
  ofMonth(projectId: number, month: number): Promise<ArchiveRecord[]> {
    return this.#archives(
      `project_id = $1 AND month = $2 AND archives.state = 'stored'
       AND removal_id IN (SELECT id FROM raw_removals WHERE raw_removals.state = 'done')`,
      [projectId, month],
    );
  }

  ofProject(projectId: number): Promise<ArchiveRecord[]> {
    return this.#archives("project_id = $1", [projectId]);
  }

  ofDeletedProjects(): Promise<ArchiveRecord[]> {
    return this.#archives("deleted_at IS NOT NULL", []);
  }

  async finishArchive(id: string, summary: RowSummary, file: WrittenFile, path?: string): Promise<void> {
    await this.#postgres.query(
      `UPDATE archives SET state = 'stored', rows = $2, row_hash = $3, bytes = $4, sha256 = $5, stored_at = now(),
              first_at = to_timestamp($6::float8 / 1000), last_at = to_timestamp($7::float8 / 1000), path = coalesce($8, path)
       WHERE id = $1`,
      [
        id,
        summary.rows,
        summary.hash,
        file.bytes,
        file.sha256,
        summary.firstMs,
        summary.lastMs,
        path ?? null,
      ],
    );
  }

  async forgetArchive(id: string): Promise<void> {
    await this.#postgres.query("DELETE FROM archives WHERE id = $1", [id]);
  }

  /** From now on queries say that the month is gone. */
  async beginRemoving(removal: Removal): Promise<void> {
    await transact(this.#postgres, async (client) => {
      // Whoever asks for the month meanwhile comes before, and is seen here, or after, and is refused.
      await client.query("SELECT pg_advisory_xact_lock(hashtext('restores'))");
      const { rows } = await client.query(
        "SELECT FROM restores WHERE project_id = ANY ($1) AND month = $2 AND state <> 'released'",
        [removal.projects, removal.month],
      );
      if (rows.length > 0) throw new Error("a month is to be restored while more of it is removed");
      await client.query(
        `INSERT INTO raw_months_gone (project_id, month) SELECT unnest($1::int[]), $2
         ON CONFLICT (project_id, month) DO UPDATE SET restored = false`,
        [removal.projects, removal.month],
      );
      await client.query("UPDATE projects SET answers_epoch = answers_epoch + 1 WHERE id = ANY ($1)", [
        removal.projects,
      ]);
      await client.query("UPDATE raw_removals SET state = 'removing' WHERE id = $1", [removal.id]);
    });
  }

  /** Again: whatever read the rows while they went is not kept either. */
  async finish(removal: Removal): Promise<void> {
    await transact(this.#postgres, async (client) => {
      await client.query("UPDATE raw_removals SET state = 'done', finished_at = now() WHERE id = $1", [
        removal.id,
      ]);
      await client.query("UPDATE projects SET answers_epoch = answers_epoch + 1 WHERE id = ANY ($1)", [
        removal.projects,
      ]);
    });
  }

  /** Only while no row was removed, and after its files were. */
  async forget(removal: Removal): Promise<void> {
    await transact(this.#postgres, async (client) => {
      await client.query("DELETE FROM archives WHERE removal_id = $1", [removal.id]);
      await client.query("DELETE FROM raw_removals WHERE id = $1 AND state <> 'done'", [removal.id]);
    });
  }

  async #archives(condition: string, parameters: readonly unknown[]): Promise<ArchiveRecord[]> {
    const { rows } = await this.#postgres.query<ArchiveRow>(
      `SELECT ${archiveColumns} FROM archives JOIN projects ON projects.id = project_id
       WHERE ${condition} ORDER BY month, archives.created_at, archives.id`,
      [...parameters],
    );
    return rows.map(buildArchive);
  }
}
