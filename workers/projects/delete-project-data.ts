// Removes everything the stores hold of a deleted project.
import type { ClickHouse } from "#ops/runtime/clickhouse.ts";
import type { Postgres } from "#ops/runtime/postgres.ts";
import { renderForCluster } from "#schemas/clickhouse/render-for-cluster.ts";

const tables = [
  "events",
  "steps",
  "steps_sample",
  "rollup_minute",
  "rollup_hour",
  "rollup_day",
  "rollup_hour_any",
  "rollup_day_any",
  "event_outcomes",
  "removed_event_ids",
  "persons",
  "user_properties",
  "cohort_members",
  "partial_state",
  "partial_hour",
  "partial_day",
  "funnel_days",
  "person_history",
  "link_clicks_quarter",
  "link_clicks_day",
  "link_values_quarter",
  "link_values_day",
  "quarantine_closed",
  "quarantined",
  "quarantine_state",
] as const;

/** A Distributed table refuses ALTER … DELETE: in a cluster it goes to the table below, on every server. */
export function buildDeletions(cluster: string | undefined): string[] {
  return tables.flatMap((table) => {
    const statement = `ALTER TABLE ${table} DELETE WHERE project_id = {project:UInt32}`;
    return cluster === undefined ? [statement] : renderForCluster(statement, cluster);
  });
}

export async function deleteProjectData(
  stores: { clickhouse: ClickHouse; clickhouseCluster: string | undefined; postgres: Postgres },
  projectId: number,
): Promise<void> {
  // First, so that nothing is published into the tables that are about to be emptied.
  await stores.postgres.query(
    "UPDATE cohorts SET deleted_at = now() WHERE project_id = $1 AND deleted_at IS NULL",
    [projectId],
  );
  for (const table of [
    "person_changes",
    "user_persons",
    "user_merges",
    "insights",
    "dashboards",
    "query_jobs",
    "alerts",
    "selectors",
    "selector_demand",
    "dimensions",
    "link_totals",
    "link_titles_wanted",
    "plan_revisions",
    "plan_violations",
  ]) {
    await stores.postgres.query(`DELETE FROM ${table} WHERE project_id = $1`, [projectId]);
  }
  for (const query of buildDeletions(stores.clickhouseCluster)) {
    await stores.clickhouse.command({
      query,
      query_params: { project: projectId },
      // Answered once it is written down, which outlives a restart. Its work is up to 0.1 s for each part of a table
      // (measured on a busy machine), and an answer that came too late would leave the later tables as they are.
      clickhouse_settings: { mutations_sync: "0" },
    });
  }
  // Batches are compared with the store by their row counts; those of the removed rows would seem lost.
  await stores.postgres.query("DELETE FROM log_batches");
  await stores.postgres.query(
    "DELETE FROM cohort_ids USING cohorts WHERE cohort_id = cohorts.id AND cohorts.project_id = $1",
    [projectId],
  );
  await stores.postgres.query("DELETE FROM user_numbers WHERE project_id = $1", [projectId]);
}
