// Saved insights and dashboards as the workers stored them.
import { MillraceError } from "#schemas/errors.ts";
import type { DashboardTile } from "#schemas/insights/dashboard.ts";
import type { InsightKind } from "#schemas/insights/insight.ts";
import type { Postgres } from "#ops/runtime/postgres.ts";
import type { RangedInsight } from "./apply-range.ts";

export interface LoadedInsight extends RangedInsight {
  readonly id: string;
  readonly name: string;
}

/** By id; those that do not exist are left out. */
export async function loadInsights(
  postgres: Pick<Postgres, "query">,
  projectId: number,
  ids: readonly string[],
): Promise<Map<string, LoadedInsight>> {
  const { rows } = await postgres.query<{
    public_id: string;
    name: string;
    kind: InsightKind;
    query: Record<string, unknown>;
    range_days: number | null;
  }>(
    `SELECT public_id, name, kind, query, range_days FROM insights
     WHERE project_id = $1 AND public_id = ANY ($2)`,
    [projectId, ids],
  );
  return new Map(
    rows.map(({ public_id, name, kind, query, range_days }) => [
      public_id,
      { id: public_id, name, kind, query, range: range_days === null ? null : { days: range_days } },
    ]),
  );
}

/** Throws DASHBOARD_NOT_FOUND. */
export async function loadDashboard(
  postgres: Pick<Postgres, "query">,
  projectId: number,
  id: string,
): Promise<{ id: string; name: string; tiles: readonly DashboardTile[] }> {
  const { rows } = await postgres.query<{ name: string; tiles: DashboardTile[] }>(
    "SELECT name, tiles FROM dashboards WHERE project_id = $1 AND public_id = $2",
    [projectId, id],
  );
  const row = rows[0];
  if (row === undefined) throw new MillraceError("DASHBOARD_NOT_FOUND");
  return { id, ...row };
}
