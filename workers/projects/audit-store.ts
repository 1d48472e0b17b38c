// The audit log in the relational store: rows are added and read, and a trigger refuses everything else.
import type { Postgres } from "#ops/runtime/postgres.ts";
import type {
  ActionBegun,
  ActionEnded,
  ActionRefused,
  AuditAnswer,
  Outcome,
} from "#schemas/projects/audit.ts";

interface AuditRow {
  id: string;
  begun_at: Date;
  project: string | null;
  key_id: string;
  key_hint: string;
  action: string;
  parameters: Record<string, string>;
  address: string;
  request_id: string;
  status: number | null;
  code: string | null;
  outcome: Outcome | null;
  ended_at: Date | null;
}

export interface AuditFilter {
  /** Only what this project's keys did, or what was done to it; null: everything. */
  readonly project: { readonly id: number; readonly publicId: string } | null;
  readonly from: Date | null;
  readonly to: Date | null;
  readonly limit: number;
  /** Only older entries than this one. */
  readonly before: string | null;
}

const beginSql = `INSERT INTO audit_actions
    (project_id, target_id, key_id, key_hint, action, parameters, address, request_id)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id`;

export class AuditStore {
  readonly #postgres: Postgres;

  constructor(postgres: Postgres) {
    this.#postgres = postgres;
  }

  /** Answers the action's id. */
  async begin(projectId: number, requestId: string, action: ActionBegun): Promise<string> {
    const values = valuesOf(projectId, requestId, action);
    const { rows } = await this.#postgres.query<{ id: string }>(beginSql, values);
    return (rows[0] as { id: string }).id;
  }

  /** Said again it changes nothing. */
  async end({ actionId, status, code, outcome }: ActionEnded): Promise<void> {
    await this.#postgres.query(
      `INSERT INTO audit_results (action_id, status, code, outcome) VALUES ($1, $2, $3, $4)
       ON CONFLICT (action_id) DO NOTHING`,
      // Edges of before there was one do not say it.
      [actionId, status, code, outcome === undefined || outcome === null ? null : JSON.stringify(outcome)],
    );
  }

  async refused(projectId: number, requestId: string, action: ActionRefused): Promise<void> {
    await this.#postgres.query(
      `WITH begun AS (${beginSql})
       INSERT INTO audit_results (action_id, status, code) SELECT id, $9, $10 FROM begun`,
      [...valuesOf(projectId, requestId, action), action.status, action.code],
    );
  }

  /** The newest first. */
  async list(filter: AuditFilter): Promise<AuditAnswer> {
    const { rows } = await this.#postgres.query<AuditRow>(
      `SELECT audit_actions.id, begun_at, projects.public_id AS project, key_id, key_hint, action, parameters, address,
              request_id, status, code, outcome, ended_at
       FROM audit_actions
       LEFT JOIN audit_results ON action_id = audit_actions.id
       LEFT JOIN projects ON projects.id = project_id
       WHERE ($1::int IS NULL OR project_id = $1 OR target_id = $2)
         AND ($3::timestamptz IS NULL OR begun_at >= $3) AND ($4::timestamptz IS NULL OR begun_at < $4)
         AND ($5::bigint IS NULL OR audit_actions.id < $5)
       ORDER BY audit_actions.id DESC LIMIT $6`,
      [
        filter.project?.id ?? null,
        filter.project?.publicId ?? null,
        filter.from,
        filter.to,
        filter.before,
        filter.limit + 1,
      ],
    );
    const page = rows.slice(0, filter.limit);
    return {
      entries: page.map((row) => ({
        id: row.id,
        at: row.begun_at.toISOString(),
        project: row.project,
        key: { id: row.key_id, hint: row.key_hint },
        action: row.action,
        parameters: row.parameters,
        address: row.address,
        request_id: row.request_id,
        status: row.status,
        code: row.code,
        outcome: row.outcome,
        seconds: row.ended_at === null ? null : (row.ended_at.getTime() - row.begun_at.getTime()) / 1000,
      })),
      next: rows.length > filter.limit ? (page.at(-1)?.id ?? null) : null,
    };
  }
}

function valuesOf(projectId: number, requestId: string, action: ActionBegun): unknown[] {
  return [
    projectId,
    action.targetId,
    action.keyId,
    action.keyHint,
    action.action,
    JSON.stringify(action.parameters),
    action.address,
    requestId,
  ];
}
