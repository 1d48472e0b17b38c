// Uploads in the relational store: how far each is, and its rejected rows.
import type { Postgres } from "#ops/runtime/postgres.ts";
import { limitsInForce } from "#schemas/projects/limits.ts";
import type { UploadFormat, UploadMapping } from "#schemas/uploads/mapping.ts";
import type {
  CreateUpload,
  ReceivedUpload,
  RowError,
  SaveChunk,
  UploadAnswer,
  UploadPlan,
  UploadWork,
} from "#schemas/uploads/upload.ts";

const listedMax = 100;
/** Records of older uploads are forgotten, and their files: sooner than who was erased (workers/erasure). */
const keptDays = 90;
/** Nothing is received for longer: the edge that did has died with its disk. */
const receivingHoursMax = 3;

interface UploadRow {
  id: string;
  project_id: number;
  state: UploadAnswer["state"];
  format: UploadFormat;
  file_name: string | null;
  mapping: UploadMapping;
  plan: UploadPlan | null;
  created_at: Date;
  finished_at: Date | null;
  // Whole numbers of 64 bits come as text.
  bytes: string;
  bytes_total: string;
  chunks: number;
  position_bytes: string;
  position_lines: string;
  rows: string;
  accepted: string;
  rejected: string;
  errors: RowError[];
  failure: RowError | null;
}

export class UploadStore {
  readonly #postgres: Postgres;

  constructor(postgres: Postgres) {
    this.#postgres = postgres;
  }

  async create(projectId: number, upload: CreateUpload): Promise<void> {
    await this.#postgres.query("DELETE FROM uploads WHERE created_at < now() - make_interval(days => $1)", [
      keptDays,
    ]);
    await this.#postgres.query(
      `UPDATE uploads SET state = 'failed', finished_at = now(), failure = $2
       WHERE project_id = $1 AND state = 'receiving' AND created_at < now() - make_interval(hours => $3)`,
      [
        projectId,
        { line: 1, code: "UPLOAD_INCOMPLETE", message: "The file did not arrive whole; upload it again." },
        receivingHoursMax,
      ],
    );
    await this.#postgres.query(
      `INSERT INTO uploads (id, project_id, state, format, mapping) VALUES ($1, $2, 'receiving', $3, '{}')
       ON CONFLICT (id) DO NOTHING`,
      [upload.id, projectId, upload.format],
    );
  }

  /** Bytes so far; says nothing once the file is whole. */
  async noteBytes(id: string, bytes: number): Promise<void> {
    await this.#postgres.query(
      "UPDATE uploads SET bytes = $2, moved_at = now() WHERE id = $1 AND state = 'receiving'",
      [id, bytes],
    );
  }

  async received(upload: ReceivedUpload): Promise<void> {
    await this.#postgres.query(
      `UPDATE uploads SET state = 'processing', moved_at = now(), mapping = $2, plan = $3, file_name = $4, bytes = $5,
         bytes_total = $6, position_bytes = $7, position_lines = $8
       WHERE id = $1 AND state = 'receiving'`,
      [
        upload.id,
        upload.mapping,
        upload.plan,
        upload.fileName,
        upload.bytes,
        upload.bytesTotal,
        upload.plan.startBytes,
        upload.plan.startLines,
      ],
    );
  }

  /** Forgets an upload that was never received whole, or of which nobody was told. */
  async discard(id: string): Promise<void> {
    await this.#postgres.query(
      "DELETE FROM uploads WHERE id = $1 AND (state = 'receiving' OR (state = 'processing' AND chunks = 0))",
      [id],
    );
  }

  async fail(id: string, failure: RowError): Promise<void> {
    await this.#postgres.query(
      "UPDATE uploads SET state = 'failed', finished_at = now(), failure = $2 WHERE id = $1 AND state = 'processing'",
      [id, failure],
    );
  }

  /** What is left to do; null when the upload is finished, or gone with its project. */
  async work(id: string): Promise<UploadWork | null> {
    const { rows } = await this.#postgres.query<UploadRow & { limits: Record<string, unknown> }>(
      `SELECT uploads.*, limits FROM uploads JOIN projects ON projects.id = project_id
       WHERE uploads.id = $1 AND state = 'processing' AND deleted_at IS NULL
         AND uploads.created_at > now() - make_interval(days => $2)`,
      [id, keptDays],
    );
    const row = rows[0];
    if (row === undefined || row.plan === null) return null;
    const limits = limitsInForce(row.limits);
    return {
      id,
      projectId: row.project_id,
      format: row.format,
      mapping: row.mapping,
      plan: row.plan,
      createdAtMs: row.created_at.getTime(),
      chunk: row.chunks,
      position: {
        bytes: Number(row.position_bytes),
        lines: Number(row.position_lines),
        rows: Number(row.rows),
      },
      rejected: Number(row.rejected),
      eventsPerSecondMax: limits.events_per_second_max,
      eventsPerDayMax: limits.events_per_day_max,
      eventsPerMonthMax: limits.events_per_month_max,
    };
  }

  /** False when this chunk was saved before: nothing is counted then. */
  async save(chunk: SaveChunk): Promise<boolean> {
    const { rows } = await this.#postgres.query<{ moved: string }>(
      `WITH moved AS (
         UPDATE uploads SET chunks = chunks + 1, moved_at = now(), position_bytes = $3, position_lines = $4, rows = $5,
           accepted = accepted + $6, rejected = rejected + $7, errors = errors || $8::jsonb, failure = $9,
           state = CASE WHEN $9::jsonb IS NOT NULL THEN 'failed' WHEN $10 THEN 'done' ELSE state END,
           finished_at = CASE WHEN $9::jsonb IS NOT NULL OR $10 THEN now() END
         WHERE id = $1 AND chunks = $2 AND state = 'processing'
         RETURNING id),
       kept AS (
         INSERT INTO upload_rejects (upload_id, chunk, lines)
         SELECT id, $2, $11::bytea FROM moved WHERE $11::bytea IS NOT NULL)
       SELECT count(*) AS moved FROM moved`,
      [
        chunk.id,
        chunk.chunk,
        chunk.position.bytes,
        chunk.position.lines,
        chunk.position.rows,
        chunk.accepted,
        chunk.rejected,
        JSON.stringify(chunk.errors),
        chunk.failure,
        chunk.done,
        chunk.rejects === "" ? null : Buffer.from(chunk.rejects, "base64"),
      ],
    );
    return rows[0]?.moved === "1";
  }

  async get(projectId: number, id: string): Promise<UploadAnswer | undefined> {
    const { rows } = await this.#postgres.query<UploadRow>(
      "SELECT * FROM uploads WHERE id = $1 AND project_id = $2",
      [id, projectId],
    );
    return rows[0] === undefined ? undefined : buildAnswer(rows[0]);
  }

  async list(projectId: number): Promise<UploadAnswer[]> {
    const { rows } = await this.#postgres.query<UploadRow>(
      "SELECT * FROM uploads WHERE project_id = $1 ORDER BY created_at DESC, id LIMIT $2",
      [projectId, listedMax],
    );
    return rows.map(buildAnswer);
  }

  /** Gzipped lines of the first chunk after `afterChunk` that rejected rows. */
  async nextRejects(id: string, afterChunk: number): Promise<{ chunk: number; lines: Buffer } | undefined> {
    const { rows } = await this.#postgres.query<{ chunk: number; lines: Buffer }>(
      "SELECT chunk, lines FROM upload_rejects WHERE upload_id = $1 AND chunk > $2 ORDER BY chunk LIMIT 1",
      [id, afterChunk],
    );
    return rows[0];
  }
}

function buildAnswer(row: UploadRow): UploadAnswer {
  return {
    upload_id: row.id,
    state: row.state,
    format: row.format,
    file_name: row.file_name,
    bytes: Number(row.bytes),
    bytes_processed: Number(row.position_bytes),
    bytes_total: Number(row.bytes_total),
    rows: Number(row.rows),
    accepted: Number(row.accepted),
    rejected: Number(row.rejected),
    errors: row.failure === null ? row.errors : [row.failure, ...row.errors],
    failure: row.failure,
    rejects_url: `/v1/uploads/${row.id}/rejects`,
    created_at: row.created_at.toISOString(),
    finished_at: row.finished_at?.toISOString() ?? null,
  };
}
