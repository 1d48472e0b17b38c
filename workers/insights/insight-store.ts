// Insights in the relational store: made, listed, found, replaced, deleted.
import type pg from "pg";
import { MillraceError } from "#schemas/errors.ts";
import {
  insightLimits,
  type InsightKind,
  type InsightShape,
  type SavedInsight,
} from "#schemas/insights/insight.ts";
import type { Postgres } from "#ops/runtime/postgres.ts";
import { transact } from "#ops/runtime/transact.ts";

interface InsightRow {
  id: number;
  public_id: string;
  name: string;
  description: string | null;
  kind: InsightKind;
  query: Record<string, unknown>;
  range_days: number | null;
  created_at: Date;
  updated_at: Date;
}

const columns = "public_id, name, description, kind, query, range_days, created_at, updated_at";

/** Runs in the transaction that changes the insight: what is kept for it follows it. */
export type OnChange = (client: pg.PoolClient, insight: { id: number; publicId: string }) => Promise<void>;

export class InsightStore {
  readonly #postgres: Postgres;

  constructor(postgres: Postgres) {
    this.#postgres = postgres;
  }

  /** Throws CONFLICT when the project has too many. */
  async create(projectId: number, insight: InsightShape, onChange: OnChange): Promise<SavedInsight> {
    return transact(this.#postgres, async (client) => {
      const publicId = `ins_${crypto.randomUUID().replaceAll("-", "").slice(0, 20)}`;
      const { rows } = await client.query<InsightRow & { others: string }>(
        `INSERT INTO insights (public_id, project_id, name, description, kind, query, range_days)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         RETURNING id, ${columns}, (SELECT count(*) FROM insights WHERE project_id = $2) AS others`,
        [publicId, projectId, ...valuesOf(insight)],
      );
      const row = rows[0] as InsightRow & { others: string };
      if (Number(row.others) >= insightLimits.insightsMax) {
        throw new MillraceError("CONFLICT", {
          message: `The project has ${row.others} insights; ${insightLimits.insightsMax} are allowed.`,
        });
      }
      await onChange(client, { id: row.id, publicId });
      return buildInsight(row);
    });
  }

  /** Throws INSIGHT_NOT_FOUND. */
  async replace(
    projectId: number,
    publicId: string,
    insight: InsightShape,
    onChange: OnChange,
  ): Promise<SavedInsight> {
    return transact(this.#postgres, async (client) => {
      const { rows } = await client.query<InsightRow>(
        `UPDATE insights
         SET name = $3, description = $4, kind = $5, query = $6, range_days = $7, updated_at = now()
         WHERE public_id = $1 AND project_id = $2 RETURNING id, ${columns}`,
        [publicId, projectId, ...valuesOf(insight)],
      );
      const found = existing(rows);
      await onChange(client, { id: (rows[0] as InsightRow).id, publicId });
      return found;
    });
  }

  async list(projectId: number): Promise<SavedInsight[]> {
    const { rows } = await this.#postgres.query<InsightRow>(
      `SELECT id, ${columns} FROM insights WHERE project_id = $1 ORDER BY id LIMIT $2`,
      [projectId, insightLimits.insightsMax],
    );
    return rows.map(buildInsight);
  }

  /** Throws INSIGHT_NOT_FOUND. */
  async find(projectId: number, publicId: string): Promise<SavedInsight> {
    const { rows } = await this.#postgres.query<InsightRow>(
      `SELECT id, ${columns} FROM insights WHERE public_id = $1 AND project_id = $2`,
      [publicId, projectId],
    );
    return existing(rows);
  }

  /** Throws INSIGHT_NOT_FOUND. */
  async delete(projectId: number, publicId: string, onChange: OnChange): Promise<void> {
    await transact(this.#postgres, async (client) => {
      const { rows } = await client.query<InsightRow>(
        `DELETE FROM insights WHERE public_id = $1 AND project_id = $2 RETURNING id, ${columns}`,
        [publicId, projectId],
      );
      existing(rows);
      await onChange(client, { id: (rows[0] as InsightRow).id, publicId });
    });
  }
}

function valuesOf({ name, description, kind, query, range }: InsightShape): unknown[] {
  return [name, description ?? null, kind, JSON.stringify(query), range?.days ?? null];
}

function existing(rows: readonly InsightRow[]): SavedInsight {
  const row = rows[0];
  if (row === undefined) throw new MillraceError("INSIGHT_NOT_FOUND");
  return buildInsight(row);
}

function buildInsight(row: InsightRow): SavedInsight {
  return {
    id: row.public_id,
    name: row.name,
    description: row.description,
    kind: row.kind,
    query: row.query,
    range: row.range_days === null ? null : { days: row.range_days },
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
  };
}
