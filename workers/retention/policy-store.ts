// Policies in the relational store, with what has become of the projects' data.
import type { Postgres } from "#ops/runtime/postgres.ts";
import { MillraceError } from "#schemas/errors.ts";
import { nameOfMonth } from "#schemas/retention/month.ts";
import type { RetentionPolicy, RetentionPolicyChange } from "#schemas/retention/policy.ts";
import type { ProjectPolicy } from "./decide-expiry.ts";

interface StoredPolicy {
  raw_days?: number;
  aggregate_days?: number;
  archive?: "disk" | "s3";
}

const readPolicies = `SELECT id, retention,
    coalesce((SELECT array_agg(month) FROM restores WHERE project_id = projects.id AND state <> 'released'), '{}') AS restoring
  FROM projects WHERE deleted_at IS NULL AND (retention ? 'raw_days' OR retention ? 'aggregate_days')`;

export class PolicyStore {
  readonly #postgres: Postgres;

  constructor(postgres: Postgres) {
    this.#postgres = postgres;
  }

  async find(projectId: number): Promise<RetentionPolicy> {
    const { rows } = await this.#postgres.query<{
      retention: StoredPolicy;
      aggregates_from: Date | null;
      gone: number[];
    }>(
      `SELECT retention, aggregates_from,
              coalesce((SELECT array_agg(month ORDER BY month) FROM raw_months_gone
                        WHERE project_id = projects.id AND NOT restored), '{}') AS gone
       FROM projects WHERE id = $1 AND deleted_at IS NULL`,
      [projectId],
    );
    const row = rows[0];
    if (row === undefined) throw new MillraceError("PROJECT_NOT_FOUND");
    return {
      raw_days: row.retention.raw_days ?? null,
      aggregate_days: row.retention.aggregate_days ?? null,
      archive: row.retention.archive ?? "none",
      raw_gone: row.gone.map(nameOfMonth),
      aggregates_from: row.aggregates_from?.toISOString() ?? null,
    };
  }

  /** What is absent goes back to for ever, and to no archive. */
  async set(projectId: number, change: RetentionPolicyChange): Promise<RetentionPolicy> {
    const { raw_days: rawDays, aggregate_days: aggregateDays, archive } = change;
    const stored: StoredPolicy = {
      ...(typeof rawDays === "number" ? { raw_days: rawDays } : {}),
      ...(typeof aggregateDays === "number" ? { aggregate_days: aggregateDays } : {}),
      ...(archive === undefined || archive === "none" ? {} : { archive }),
    };
    await this.#postgres.query("UPDATE projects SET retention = $2 WHERE id = $1 AND deleted_at IS NULL", [
      projectId,
      JSON.stringify(stored),
    ]);
    return this.find(projectId);
  }

  /** Of projects that do not keep everything. */
  async all(): Promise<ProjectPolicy[]> {
    const { rows } = await this.#postgres.query<{ id: number; retention: StoredPolicy; restoring: number[] }>(
      readPolicies,
    );
    return rows.map(({ id, retention, restoring }) => ({
      projectId: id,
      rawDays: retention.raw_days,
      aggregateDays: retention.aggregate_days,
      archive: retention.archive,
      restoring: new Set(restoring),
    }));
  }
}
