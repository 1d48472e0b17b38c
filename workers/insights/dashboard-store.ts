// Dashboards in the relational store: made, listed, found, replaced, deleted.
import { MillraceError } from "#schemas/errors.ts";
import { dashboardLimits, type Dashboard, type DashboardTile } from "#schemas/insights/dashboard.ts";
import type { Postgres } from "#ops/runtime/postgres.ts";
import { invalidBody } from "#schemas/operations/read-body.ts";

interface DashboardRow {
  public_id: string;
  name: string;
  tiles: DashboardTile[];
  created_at: Date;
  updated_at: Date;
}

export interface NewDashboard {
  readonly name: string;
  readonly tiles: readonly DashboardTile[];
}

const columns = "public_id, name, tiles, created_at, updated_at";

export class DashboardStore {
  readonly #postgres: Postgres;

  constructor(postgres: Postgres) {
    this.#postgres = postgres;
  }

  /** Throws INVALID_BODY when a tile names an unknown insight, CONFLICT when the project has too many. */
  async create(projectId: number, { name, tiles }: NewDashboard): Promise<Dashboard> {
    await this.#checkTiles(projectId, tiles);
    const { rows: counted } = await this.#postgres.query<{ others: string }>(
      "SELECT count(*) AS others FROM dashboards WHERE project_id = $1",
      [projectId],
    );
    const others = Number(counted[0]?.others ?? 0);
    if (others >= dashboardLimits.dashboardsMax) {
      throw new MillraceError("CONFLICT", {
        message: `The project has ${others} dashboards; ${dashboardLimits.dashboardsMax} are allowed.`,
      });
    }
    const publicId = `dash_${crypto.randomUUID().replaceAll("-", "").slice(0, 20)}`;
    const { rows } = await this.#postgres.query<DashboardRow>(
      `INSERT INTO dashboards (public_id, project_id, name, tiles) VALUES ($1, $2, $3, $4) RETURNING ${columns}`,
      [publicId, projectId, name, JSON.stringify(tiles)],
    );
    return existing(rows);
  }

  /** Throws DASHBOARD_NOT_FOUND, or INVALID_BODY when a tile names an unknown insight. */
  async replace(projectId: number, publicId: string, { name, tiles }: NewDashboard): Promise<Dashboard> {
    await this.find(projectId, publicId);
    await this.#checkTiles(projectId, tiles);
    const { rows } = await this.#postgres.query<DashboardRow>(
      `UPDATE dashboards SET name = $3, tiles = $4, updated_at = now()
       WHERE public_id = $1 AND project_id = $2 RETURNING ${columns}`,
      [publicId, projectId, name, JSON.stringify(tiles)],
    );
    return existing(rows);
  }

  async list(projectId: number): Promise<Dashboard[]> {
    const { rows } = await this.#postgres.query<DashboardRow>(
      `SELECT ${columns} FROM dashboards WHERE project_id = $1 ORDER BY id LIMIT $2`,
      [projectId, dashboardLimits.dashboardsMax],
    );
    return rows.map(buildDashboard);
  }

  /** Throws DASHBOARD_NOT_FOUND. */
  async find(projectId: number, publicId: string): Promise<Dashboard> {
    const { rows } = await this.#postgres.query<DashboardRow>(
      `SELECT ${columns} FROM dashboards WHERE public_id = $1 AND project_id = $2`,
      [publicId, projectId],
    );
    return existing(rows);
  }

  /** Throws DASHBOARD_NOT_FOUND. */
  async delete(projectId: number, publicId: string): Promise<void> {
    const { rows } = await this.#postgres.query<DashboardRow>(
      `DELETE FROM dashboards WHERE public_id = $1 AND project_id = $2 RETURNING ${columns}`,
      [publicId, projectId],
    );
    existing(rows);
  }

  async #checkTiles(projectId: number, tiles: readonly DashboardTile[]): Promise<void> {
    const { rows } = await this.#postgres.query<{ public_id: string }>(
      "SELECT public_id FROM insights WHERE project_id = $1 AND public_id = ANY ($2)",
      [projectId, tiles.map(({ insight_id }) => insight_id)],
    );
    const known = new Set(rows.map(({ public_id }) => public_id));
    const problems = tiles.flatMap(({ insight_id }, index) =>
      known.has(insight_id)
        ? []
        : [{ path: `tiles[${index}].insight_id`, message: "names an insight that does not exist" }],
    );
    if (problems.length > 0) throw invalidBody(problems);
  }
}

function existing(rows: readonly DashboardRow[]): Dashboard {
  const row = rows[0];
  if (row === undefined) throw new MillraceError("DASHBOARD_NOT_FOUND");
  return buildDashboard(row);
}

function buildDashboard(row: DashboardRow): Dashboard {
  return {
    id: row.public_id,
    name: row.name,
    tiles: row.tiles,
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
  };
}
