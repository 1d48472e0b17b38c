// What a request about insights or dashboards says, checked; the query inside is checked by the query tier.
import { NewDashboard, type DashboardTile } from "#schemas/insights/dashboard.ts";
import { InsightShape } from "#schemas/insights/insight.ts";
import { compileBody, invalidBody } from "#schemas/operations/read-body.ts";

const readDashboardShape = compileBody(NewDashboard);

/** Throws MALFORMED_JSON, INVALID_ENCODING, or INVALID_BODY that names the field. */
export const readInsight = compileBody(InsightShape);

/** Throws as `readInsight`. */
export function readDashboard(payload: Uint8Array): { name: string; tiles: readonly DashboardTile[] } {
  const { name, insights, tiles } = readDashboardShape(payload);
  if ((insights === undefined) === (tiles === undefined)) {
    throw invalidBody([{ path: "insights", message: "is required, or else `tiles`, and not both" }]);
  }
  return { name, tiles: tiles ?? (insights ?? []).map((insight_id) => ({ insight_id })) };
}
